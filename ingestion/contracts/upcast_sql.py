"""Events of old versions read as the newest, in SQL: the steps of the contracts as expressions.

Holds the compiler and the text of dbt's macros made by it. Reads no events. `upcasting` does the
same in Python. Called by `ledgerlake contracts export --format dbt`, by the close's own totals and
by the test that holds the two equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from ingestion.contracts.registry import Contract, Registry
from ingestion.contracts.upcast_steps import PREFIX, Add, Rename, Split, Step

READABLE = "('VARCHAR', 'BIGINT', 'UBIGINT', 'BOOLEAN')"
"""JSON types a field is read of, as `upcasting.field_text` does. DOUBLE is not among them: DuckDB
reads every number with a point as a float."""

DOCUMENT = "if(json_valid(events.payload), events.payload, '{}')"


@dataclass(frozen=True)
class ColumnUpcast:
    """One promoted column: `expression` is its value under the newest contract, `needed` holds for
    rows where that is another than stored. Both read `events.<column>` and `lookups.<lookup>`."""

    column: str
    expression: str
    needed: str


def column_upcasts(registry: Registry, family: str) -> tuple[ColumnUpcast, ...]:
    """The columns of a family that old versions left empty and newer ones fill."""
    cases: dict[str, list[tuple[str, str]]] = {}
    for event_type in registry.event_types:
        history = registry.history(event_type)
        if history[0].family == family:
            for contract in history[:-1]:
                for column, value in _filled(history[contract.schema_version :]).items():
                    cases.setdefault(column, []).append((_is(contract), value))
    return tuple(
        ColumnUpcast(
            column,
            _case(rows, f"events.{column}"),
            f"events.{column} is null and ({' or '.join(is_old for is_old, _ in rows)})",
        )
        for column, rows in sorted(cases.items())
    )


def _filled(newer: tuple[Contract, ...]) -> dict[str, str]:
    """Column -> SQL of its value, walking the steps of the newer versions in order."""
    values: dict[str, str] = {}
    for step in (one for contract in newer for one in contract.upcast):
        if isinstance(step, Add) and not step.target.startswith(PREFIX):
            before = values.get(step.target, f"events.{step.target}")
            values[step.target] = _coalesce(before, step)
    return values


def told_fields(registry: Registry, event_type: str) -> dict[str, str]:
    """Field that any version's steps or the newest contract read -> SQL of its text as received.

    The SQL reads `events.payload`; `payload_fields` reads its values as `events.told_<field>`.
    """
    history = registry.history(event_type)
    steps = [step for one in history for step in one.upcast]
    moved = [step.field for step in steps if not isinstance(step, Add)]
    return {name: _as_received(name) for name in dict.fromkeys([*history[-1].payload, *moved])}


def payload_fields(registry: Registry, event_type: str) -> dict[str, str]:
    """Field of the newest contract -> SQL of its text, whichever version the event is of.

    The SQL reads `events.schema_version` and `events.told_<field>`.
    """
    history = registry.history(event_type)
    walks = [(one, _walk(history[one.schema_version :])) for one in history]
    return {
        name: _by_version([(one, walk.get(name, _told(name))) for one, walk in walks])
        for name in history[-1].payload
    }


def _by_version(values: list[tuple[Contract, str]]) -> str:
    newest = values[-1][1]
    old: dict[str, list[str]] = {}
    for contract, sql in values[:-1]:
        if sql != newest:
            old.setdefault(sql, []).append(str(contract.schema_version))
    whens = [(f"events.schema_version in ({', '.join(of)})", sql) for sql, of in old.items()]
    return _case(whens, newest)


def _walk(newer: tuple[Contract, ...]) -> dict[str, str]:
    return reduce(_step, (one for contract in newer for one in contract.upcast), {})


def _step(fields: dict[str, str], step: Step) -> dict[str, str]:
    """Fields whose SQL is no longer the raw one, after one more step."""
    done = dict(fields)
    if isinstance(step, Add):
        if step.target.startswith(PREFIX):
            name = step.target.removeprefix(PREFIX)
            done[name] = _coalesce(fields.get(name, _told(name)), step)
        return done
    value = fields.get(step.field, _told(step.field))
    done[step.field] = "cast(null as varchar)"
    if isinstance(step, Rename):
        done[step.to] = value
    elif isinstance(step, Split):
        at = f"strpos({value}, {_text(step.at)})"
        done[step.into[0]] = f"case when {at} = 0 then {value} else left({value}, {at} - 1) end"
        done[step.into[1]] = f"case when {at} > 0 then substr({value}, {at} + {len(step.at)}) end"
    return done


def _coalesce(before: str, step: Add) -> str:
    looked_up = [f"lookups.{step.lookup}"] if step.lookup else []
    return f"coalesce({', '.join([before, *looked_up, _constant(step.value)])})"


def _told(name: str) -> str:
    return f"events.told_{name}"


def _as_received(name: str) -> str:
    path = _text(f"$.{name}")
    kind = f"json_type({DOCUMENT}, {path})"
    return f"case when {kind} in {READABLE} then {DOCUMENT} ->> {path} end"


def _is(contract: Contract) -> str:
    return (
        f"events.event_type = {_text(contract.event_type)}"
        f" and events.schema_version = {contract.schema_version}"
    )


def _case(rows: list[tuple[str, str]], otherwise: str) -> str:
    if not rows:
        return otherwise
    whens = " ".join(f"when {when} then {value}" for when, value in rows)
    return f"case {whens} else {otherwise} end"


def _constant(value: object) -> str:
    if isinstance(value, bool):
        return "'true'" if value else "'false'"
    return _text(str(value))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


MACROS = """{{#
    Written by `ledgerlake contracts export --format dbt` from the contracts in
    ingestion/contracts; a test compares. Events of old versions are read as the newest: columns
    that were left empty, and fields of the payload. `events` is the row, `lookups` what is looked
    up for it.
#}}
{{% macro column_upcasts(family) %}}
    {{{{ return({columns}.get(family, {{}})) }}}}
{{% endmacro %}}


{{# Fields of the payload as received, that `upcast_fields` reads as `events.told_<field>`. #}}
{{% macro told_fields() %}}
    {{{{ return({told}) }}}}
{{% endmacro %}}


{{# Fields of the payload by the newest contract of each type that had another: their texts. #}}
{{% macro upcast_fields() %}}
    {{{{ return({fields}) }}}}
{{% endmacro %}}
"""


def dbt_macros(registry: Registry) -> str:
    """The text of dbt_project/macros/lake/upcasts.sql."""
    families = sorted({one.family for one in registry if one.family != "control"})
    columns = {
        family: {one.column: {"expression": one.expression, "needed": one.needed} for one in found}
        for family in families
        if (found := column_upcasts(registry, family))
    }
    changed = [
        event_type
        for event_type in registry.event_types
        if registry.newest(event_type).family != "control"
        and any(one.upcast for one in registry.history(event_type))
    ]
    told = {
        f"told_{name}": sql for one in changed for name, sql in told_fields(registry, one).items()
    }
    cases: dict[str, list[tuple[str, str]]] = {}
    for one in changed:
        for name, sql in payload_fields(registry, one).items():
            cases.setdefault(name, []).append((f"events.event_type = {_text(one)}", sql))
    fields = {name: _case(rows, "null") for name, rows in cases.items()}
    return MACROS.format(columns=_jinja(columns, 1), told=_jinja(told, 1), fields=_jinja(fields, 1))


def _jinja(value: Mapping[str, object], depth: int) -> str:
    """A dict as Jinja writes it, one key a line."""
    pad = "    " * (depth + 1)
    lines = []
    for name, inner in value.items():
        text = _jinja(inner, depth + 1) if isinstance(inner, Mapping) else _jinja_text(str(inner))
        lines.append(f'{pad}"{name}": {text},\n')
    return "{\n" + "".join(lines) + "    " * depth + "}"


def _jinja_text(sql: str) -> str:
    return '"' + sql.replace("\\", "\\\\").replace('"', '\\"') + '"'
