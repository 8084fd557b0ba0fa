"""Where two algorithms differ on a period: old, new, delta and why, account by account.

Old is what the lake holds as posted, new is what the later algorithm makes of what is known now.
Does not post or keep anything. Called by `plan`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from ledger.calendar import Period
from ledger.interest import algorithms
from ledger.interest.algorithms import Algorithm
from orchestration.interest import amounts, engine
from orchestration.interest.balances import MOVEMENTS
from orchestration.interest.posted import POSTED

BECAUSE_OF_MOVEMENTS = "movements"
"""What became known of an account since its interest was posted, by the algorithm of then."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """From one algorithm to another, of a period."""

    period: Period
    before: Algorithm
    after: Algorithm

    @property
    def steps(self) -> tuple[tuple[str, Algorithm], ...]:
        return algorithms.steps(self.before, self.after)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What a delta is explained by, in order."""
        return (BECAUSE_OF_MOVEMENTS, *(aspect for aspect, _ in self.steps))


def why(reason: str) -> str:
    """The column of what a reason adds to the delta."""
    return f"why_{reason}"


def differences(connection: duckdb.DuckDBPyConnection, change: Change) -> pl.DataFrame:
    """Every account whose interest differs, sorted: account_id, currency, old, new, delta, the
    `why_` columns (they add up to the delta), and the correction's event_id and payload.

    The tables `movements` and `posted` must be there.
    """
    variants = [change.before, *(algorithm for _, algorithm in change.steps)]
    work = engine.Work(
        variants=variants,
        first=change.period.first_date,
        end=change.period.end_date,
        movements=MOVEMENTS,
    )
    engine.compute(connection, work, into="computed")
    amounts.load_minor_units(connection, variants)
    return connection.execute(_query(change, len(variants))).pl()


def _query(change: Change, variants: int) -> str:
    computed = ", ".join(
        f"{amounts.as_amount(f'v{number}')} as a{number}" for number in range(variants)
    )
    steps = change.reasons[1:]
    new, last = "coalesce(amounts.a{0}, 0)", variants - 1
    # An account that follows the later algorithm already differs by its movements only.
    moved = f"if(is_right, new - old, {new.format(0)} - old)"
    columns = "".join(
        f", cast(if(is_right, 0, {new.format(number)} - {new.format(number - 1)})"
        f" as decimal(18, 4)) as {why(step)}"
        for number, step in enumerate(steps, 1)
    )
    name = amounts.event_id(
        ("corrected", change.before.name, change.after.name, change.period.period_id),
        "sequence",
        "currency",
        "account_id",
    )
    return f"""
        with amounts as (
            select account_id, currency, {computed}
            from computed
            inner join {amounts.MINOR_UNITS} using (currency)
        ),

        compared as (
            select
                account_id,
                currency,
                cast(coalesce(posted.amount, 0) as decimal(18, 4)) as old,
                cast({new.format(last)} as decimal(18, 4)) as new,
                cast(new - old as decimal(18, 4)) as delta,
                coalesce(posted.events, 0) + 1 as sequence,
                coalesce(
                    posted.algorithm = '{change.after.name}'
                    and posted.algorithm <> '{change.before.name}',
                    false
                ) as is_right,
                cast({moved} as decimal(18, 4)) as {why(BECAUSE_OF_MOVEMENTS)}
                {columns}
            from amounts
            full outer join {POSTED} as posted using (account_id, currency)
        )

        select * exclude (is_right), {name} as event_id, {_payload(change)} as payload
        from compared
        where delta <> 0
        order by account_id, currency
    """


def _payload(change: Change) -> str:
    """Canonical JSON, as text put together: what is fixed is quoted here, amounts are digits."""
    reasons = " || ',' || ".join(
        f"'{json.dumps(one)}:\"' || {why(one)} || '\"'" for one in sorted(change.reasons)
    )
    values: Sequence[tuple[str, str]] = (
        ("from", _quoted(change.before.name)),
        ("new", "'\"' || new || '\"'"),
        ("old", "'\"' || old || '\"'"),
        ("period_id", _quoted(change.period.period_id)),
        ("reason", _quoted(f"interest of {change.period.period_id} put right")),
        ("sequence", "sequence"),
        ("to", _quoted(change.after.name)),
        ("to_sha256", _quoted(change.after.sha256)),
        ("why", f"'{{' || {reasons} || '}}'"),
    )
    fields = " || ',' || ".join(f"'\"{name}\":' || {value}" for name, value in values)
    return f"'{{' || {fields} || '}}'"


def _quoted(text: str) -> str:
    """A JSON string as an SQL string."""
    return "'" + json.dumps(text, ensure_ascii=False).replace("'", "''") + "'"
