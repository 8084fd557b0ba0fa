"""Commands about contracts of events: list, show, check, export.

Holds arguments, drawing and the writing of exported files. Mounted by `main`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from orchestration.cli import output
from orchestration.cli.output import JsonFlag

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.contracts.registry import Contract, Level, Registry
    from ingestion.contracts.review import Review

_PANEL = "Contracts"
_FOLDER = "Folder with the contract files; default: those that ship with ledgerlake."
_TYPE = "A type of event, such as FundsDeposited; default: all."
_VERSION = "Version of the type; default: the newest."
_EXPORTED = "Version of the type; default: all."
_LEVEL = "Ask for this level of every version, whatever its file demands."
_PUBLISH = "Add new versions to the list of published ones, if nothing else is wrong."
_TO = "Folder to write into, one file a version; default: print."
_REGISTRY = "Bring Avro schemas to the schema registry at this address, oldest first."
_SUFFIX = "What follows the type's name in the registry's subject."

contracts_app = typer.Typer(
    no_args_is_help=True, help="What events must look like, version by version."
)

Folder = Annotated[Path | None, typer.Option("--folder", metavar="FOLDER", help=_FOLDER)]
AnyType = Annotated[str | None, typer.Argument(metavar="TYPE", help=_TYPE)]


class Asked(StrEnum):
    """Levels of compatibility, as `Level` has them."""

    BACKWARD = "backward"
    FORWARD = "forward"
    FULL = "full"
    BACKWARD_TRANSITIVE = "backward_transitive"
    FORWARD_TRANSITIVE = "forward_transitive"
    FULL_TRANSITIVE = "full_transitive"


class Form(StrEnum):
    """What a contract can be exported as."""

    AVRO = "avro"
    JSON_SCHEMA = "json-schema"
    DBT = "dbt"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(contracts_app, name="contracts", rich_help_panel=_PANEL)


def _folder(given: Path | None) -> Path:
    from ingestion.contracts.registry import shipped_folder

    return given or shipped_folder()


@contracts_app.command("list")
def contracts_list(*, folder: Folder = None, as_json: JsonFlag = False) -> None:
    """Every type of event with its versions, the newest's promise, and whether all are published.

    Example: `ledgerlake contracts list`
    """
    from ingestion.contracts.review import review

    found = review(_folder(folder))
    rows = []
    for event_type in dict.fromkeys(one.event_type for one in found.versions):
        versions = [one for one in found.versions if one.event_type == event_type]
        rows.append(
            {
                "event_type": event_type,
                "family": versions[-1].family,
                "versions": len(versions),
                "promises": versions[-1].demanded if len(versions) > 1 else None,
                "published": all(one.state == "published" for one in versions),
            }
        )
    values = {"folder": _folder(folder), "contracts": rows}
    output.emit(values, as_json=as_json, human=lambda out: out.print(output.table(rows)))


@contracts_app.command("show")
def contracts_show(
    event_type: Annotated[str, typer.Argument(metavar="TYPE", help=_TYPE)],
    *,
    version: Annotated[int | None, typer.Option("--version", min=1, help=_VERSION)] = None,
    folder: Folder = None,
    as_json: JsonFlag = False,
) -> None:
    """One contract: what it demands of columns and payload, and how older events are read as it.

    Example: `ledgerlake contracts show FundsDeposited`
    """
    from ingestion.contracts import registry

    contract = _chosen(registry.read(_folder(folder)), event_type, version)[-1]
    values = {
        "contract": contract.name,
        "family": contract.family,
        "columns": contract.columns,
        "payload": contract.payload,
        "compatibility": contract.compatibility,
        "upcast": [{"step": type(one).__name__.lower(), **vars(one)} for one in contract.upcast],
    }
    output.emit(values, as_json=as_json, human=lambda out: _draw_contract(out, values))


@contracts_app.command("check")
def contracts_check(
    event_type: AnyType = None,
    *,
    level: Annotated[Asked | None, typer.Option("--level", help=_LEVEL)] = None,
    publish: Annotated[bool, typer.Option("--publish", help=_PUBLISH)] = False,
    folder: Folder = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every version against all before it, and against the list of published versions.

    Exit 1 if a version breaks what it promises, or a published one was changed or is gone.

    Example: `ledgerlake contracts check FundsDeposited --level full_transitive`
    """
    from ingestion.contracts.published import publish as add_to_list
    from ingestion.contracts.review import review

    asked = cast("Level | None", str(level) if level else None)
    found = review(_folder(folder), level=asked, event_type=event_type)
    added: list[str] = []
    if publish and review(_folder(folder)).publishable:
        added = add_to_list(_folder(folder))
        found = review(_folder(folder), level=asked, event_type=event_type)
    output.emit(
        {"passed": found.passed, "added": added, "versions": found.versions, "gone": found.gone},
        as_json=as_json,
        human=lambda out: _draw_review(out, found, added),
    )
    raise typer.Exit(output.DONE if found.passed else output.CHECK_FAILED)


@contracts_app.command("export")
def contracts_export(
    event_type: AnyType = None,
    *,
    form: Annotated[Form, typer.Option("--format", help="What to write.")] = Form.AVRO,
    version: Annotated[int | None, typer.Option("--version", min=1, help=_EXPORTED)] = None,
    to: Annotated[Path | None, typer.Option("--to", metavar="FOLDER", help=_TO)] = None,
    registry_url: Annotated[
        str | None, typer.Option("--registry", metavar="URL", help=_REGISTRY)
    ] = None,
    suffix: Annotated[str, typer.Option("--subject-suffix", help=_SUFFIX)] = "-value",
    folder: Folder = None,
    as_json: JsonFlag = False,
) -> None:
    """Write contracts as Avro schemas, JSON Schemas or the macros dbt reads old events with.

    Example: `ledgerlake contracts export FundsDeposited --format json-schema --to schemas`
    """
    from ingestion.contracts import registry

    known = registry.read(_folder(folder))
    if registry_url is not None:
        _push(known, registry_url, suffix, event_type, as_json=as_json)
        return
    texts = _texts(known, form, event_type, version)
    if to is None:
        documents = [text if form is Form.DBT else json.loads(text) for text in texts.values()]
        output.emit(documents, as_json=as_json, human=lambda out: _print_plain(out, texts))
        return
    to.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (to / name).write_text(text, "utf-8")
    files = [to / name for name in texts]
    output.emit(
        {"files": files},
        as_json=as_json,
        human=lambda out: out.print(f"{len(files)} files written to {to}."),
    )


def _chosen(known: "Registry", event_type: str, version: int | None) -> "tuple[Contract, ...]":
    """The versions of a type, or the one asked for."""
    from ingestion.contracts.review import require_type
    from ledger.errors import IncorrectInput

    require_type(known, event_type)
    history = known.history(event_type)
    if version is None:
        return history
    if version > len(history):
        raise IncorrectInput(
            "schema_version_must_be_known",
            thing=f"version of {event_type}",
            expected=f"1 to {len(history)}",
            found=str(version),
        )
    return (history[version - 1],)


def _texts(
    known: "Registry", form: Form, event_type: str | None, version: int | None
) -> dict[str, str]:
    """File name -> text of each export."""
    from ingestion.contracts.avro import avro_schema
    from ingestion.contracts.json_schema import json_schema
    from ingestion.contracts.upcast_sql import dbt_macros

    if form is Form.DBT:
        return {"upcasts.sql": dbt_macros(known)}
    make, ending = (avro_schema, "avsc") if form is Form.AVRO else (json_schema, "schema.json")
    types = known.event_types if event_type is None else (event_type,)
    return {
        f"{one.name}.{ending}": json.dumps(make(one), indent=2) + "\n"
        for name in types
        for one in _chosen(known, name, version)
    }


def _push(
    known: "Registry", url: str, suffix: str, event_type: str | None, *, as_json: bool
) -> None:
    from ingestion.contracts.schema_registry import SchemaRegistry, push

    target = SchemaRegistry(url)
    types = known.event_types if event_type is None else (event_type,)
    pushed = [
        one for name in types for one in push(target, _chosen(known, name, None), suffix=suffix)
    ]
    rows = [vars(one) for one in pushed]
    output.emit(
        {"registry": target.shown, "schemas": rows},
        as_json=as_json,
        human=lambda out: out.print(output.table(rows)),
    )


def _print_plain(out: "Console", texts: dict[str, str]) -> None:
    """As they are: a terminal's width must not break them."""
    out.file.write("\n".join(texts.values()))


def _draw_contract(out: "Console", values: dict[str, Any]) -> None:
    out.print(f"[bold]{values['contract']}[/], family {values['family']}")
    for place in ("columns", "payload"):
        rows = [{"name": name, "rule": _rules(one)} for name, one in values[place].items()]
        if rows:
            out.print(output.table(rows, title=place))
    for step in values["upcast"]:
        told = ", ".join(
            f"{name} {_shown(name, value)}"
            for name, value in step.items()
            if name != "step" and value is not None
        )
        out.print(f"read from the version before: {step['step']} {output.escape(told)}")


def _shown(name: str, value: object) -> str:
    """A value of a step; where a text is split, with the spaces around it."""
    if isinstance(value, list | tuple):
        return " and ".join(map(str, value))
    return repr(value) if name == "at" else str(value)


def _rules(one: object) -> str:
    """What is not as it is by default."""
    plain = {name: value for name, value in vars(one).items() if value not in (None, False, "any")}
    return ", ".join(name if value is True else f"{name} {value}" for name, value in plain.items())


def _draw_review(out: "Console", found: "Review", added: list[str]) -> None:
    rows = [
        {
            "contract": one.contract,
            "state": one.state,
            "promises": one.demanded if one.schema_version > 1 else None,
            "keeps": _widest(one.kept) if one.schema_version > 1 else None,
        }
        for one in found.versions
    ]
    out.print(output.table(rows))
    for name in added:
        out.print(f"{name} is published from now on.")
    for text in [*found.gone, *(one.fault for one in found.versions if one.fault)]:
        out.print(f"[red]broken[/] {output.escape(text)}")
    for broken in (two for one in found.versions for two in one.broken):
        told = f"{broken.reader} cannot read {broken.writer} at {broken.where}: {broken.why}"
        out.print(f"[red]broken[/] {broken.rule}: {output.escape(told)}")
    told = "All contracts hold." if found.passed else "Contracts are broken."
    out.print(told)


def _widest(kept: "tuple[Level, ...]") -> str:
    """Of the levels that hold, those no other implies."""
    implied = {
        "full_transitive": (
            *("backward", "forward", "full"),
            *("backward_transitive", "forward_transitive"),
        ),
        "full": ("backward", "forward"),
        "backward_transitive": ("backward",),
        "forward_transitive": ("forward",),
    }
    less = {one for level in kept for one in implied.get(level, ())}
    return ", ".join(one for one in kept if one not in less) or "none"
