"""Planning a replay: who is affected and why, what would be posted, and a token bound to all of it.

Changes nothing but for the signed requests it records when somebody asks. Does not post (`apply`
does). Called by `ledgerlake replay interest`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import polars as pl

from audit.signed_note import Signer
from audit.statement import events_sha256
from ledger.books import Books
from ledger.errors import IncorrectInput
from ledger.interest import algorithms
from ledger.routing import Arrival
from orchestration.close import signing
from orchestration.close.signing import When
from orchestration.desk import requests
from orchestration.desk.known import read_known
from orchestration.home import Home
from orchestration.interest import planned, reports
from orchestration.interest.balances import Balances, open_balances, posted_at_us
from orchestration.interest.difference import Change, differences, why
from orchestration.interest.planned import Plan, Planned
from orchestration.interest.posted import SOURCE, Posted, read_posted
from orchestration.interest.posting import Progress
from orchestration.locks import exclusive
from orchestration.settings import Settings

ACTION = "replay_interest"
DECIDE = "decide_exceptions"
STEPS = 5
"""Of planning, as progress counts them."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Who asks and why; no signer: nobody, and no token."""

    signer: Signer | None = None
    reason: str = ""


def plan(
    settings: Settings,
    period_id: str,
    *,
    before: str,
    after: str,
    materiality: Decimal = Decimal(0),
    asking: Asking | None = None,
    when: When,
    progress: Progress = lambda _done, _total: None,
) -> Planned:
    """Compare what was posted with what `after` makes of it; ask for the corrections.

    IncorrectInput if the period has no interest yet or `before` had no part in it, or if the
    edition does not know all movements.
    """
    home, asking = Home.of(settings), asking or Asking()
    if asking.signer:
        requests.require_reason(asking.reason)
    known = read_known(home)
    change = Change(
        period=known.books.calendar.get(period_id),
        before=algorithms.get(before),
        after=algorithms.get(after),
    )
    with (
        exclusive(home.interest_lock, doing=f"replay interest {period_id}"),
        open_balances(settings, change.period) as balances,
    ):
        progress(1, STEPS)
        posted = read_posted(balances.connection, home, change.period)
        _require_posted(change, posted)
        progress(2, STEPS)
        rows = differences(balances.connection, change)
        progress(3, STEPS)
        rows = _marked(rows, known.books, change, materiality, when)
        made = _plan(balances, change, posted, rows, materiality)
        made = replace(
            made,
            goes_to_people=people_reason(known.books, change, rows, when),
            planned_at_us=when.now_us,
        )
        done = _keep(home, made, rows, asking, when)
        progress(4, STEPS)
        reports.write(done.folder, done.plan, rows, change.reasons)
        progress(5, STEPS)
    return done


def people_reason(books: Books, change: Change, rows: pl.DataFrame, when: When) -> str | None:
    """Why the corrections go to people when they arrive; None: all are booked at once."""
    reasons = _reasons(books, change, [None, *_largest(rows)], when)
    return next((one for one in reasons.values() if one), None)


def _largest(rows: pl.DataFrame) -> list[Decimal]:
    posted = rows.filter("material")["delta"].abs()
    return [] if posted.is_empty() else [posted.max()]  # type: ignore[list-item]


def _reasons(
    books: Books, change: Change, amounts: list[Decimal | None], when: When
) -> dict[Decimal | None, str | None]:
    """Route of a correction of each amount, posted now."""
    arrival = Arrival(
        event_id="",
        row_index=-1,
        commit_seq=books.commit_seq + 1,
        event_time_us=posted_at_us(change.period),
        ingest_time_us=when.now_us,
        source=SOURCE,
        store_id=None,
        amount=None,
    )
    return {one: books.route(replace(arrival, amount=one)).reason for one in amounts}


def _marked(
    rows: pl.DataFrame, books: Books, change: Change, materiality: Decimal, when: When
) -> pl.DataFrame:
    """With `material` (to be posted) and `to_people` (an exception when it arrives)."""
    rows = rows.with_columns(material=pl.col("delta").abs() >= materiality)
    amounts: list[Decimal | None] = [None]
    if people_reason(books, change, rows, when):
        amounts += rows["delta"].unique().to_list()
    reasons = _reasons(books, change, amounts, when)
    if reasons[None]:
        return rows.with_columns(to_people=pl.col("material"))
    caught = [one for one, reason in reasons.items() if reason]
    return rows.with_columns(
        to_people=pl.col("material")
        & pl.col("delta").is_in(pl.Series(caught, dtype=rows.schema["delta"]).implode())
    )


def _require_posted(change: Change, posted: Posted) -> None:
    if not posted.accruals:
        raise IncorrectInput(
            "period_must_have_been_accrued",
            thing=f"interest of {change.period.period_id}",
            expected="interest that was posted, to be put right",
            found="none",
            remedy="ledgerlake interest accrue"
            f" --period {change.period.period_id} --algorithm {change.after.name}",
        )
    known = (*posted.algorithms, *posted.corrected_to)
    if change.before.name not in known:
        raise IncorrectInput(
            "replay_must_start_from_what_was_posted",
            thing=f"interest of {change.period.period_id}",
            expected=f"--from {' or '.join(dict.fromkeys(known))}",
            found=change.before.name,
        )


def _plan(
    balances: Balances, change: Change, posted: Posted, rows: pl.DataFrame, materiality: Decimal
) -> Plan:
    return Plan(
        period_id=change.period.period_id,
        first_date=change.period.first_date.isoformat(),
        end_date=change.period.end_date.isoformat(),
        from_algorithm=change.before.name,
        to_algorithm=change.after.name,
        from_sha256=change.before.sha256,
        to_sha256=change.after.sha256,
        edition=balances.edition.number,
        known_as_of_commit=balances.edition.commit_seq,
        newest_posted_commit=posted.newest_commit,
        requester=None,
        planned_at_us=0,
        materiality=str(materiality),
        compared=_compared(balances),
        affected=rows.height,
        corrections=int(rows["material"].sum()),
        sums=tuple(_sums(rows)),
        why=tuple(_why(rows, change)),
        goes_to_people=None,
        decision_request_id=None,
        decides=int(rows["to_people"].sum()),
        rows_sha256="",
    )


def _compared(balances: Balances) -> int:
    row = balances.connection.execute("select count(*) from computed").fetchone()
    assert row is not None
    return int(row[0])


def _sums(rows: pl.DataFrame) -> list[Mapping[str, Any]]:
    delta, material = pl.col("delta"), pl.col("material")
    summed = rows.group_by("currency").agg(
        accounts=pl.len(),
        old=pl.col("old").sum(),
        new=pl.col("new").sum(),
        delta=delta.sum(),
        posted=delta.filter(material).sum(),
        below_materiality=delta.filter(~material).sum(),
    )
    return [_as_text(one) for one in summed.sort("currency").to_dicts()]


def _why(rows: pl.DataFrame, change: Change) -> list[Mapping[str, Any]]:
    found = []
    for reason in change.reasons:
        column = pl.col(why(reason))
        summed = (
            rows.filter(column != 0)
            .group_by("currency")
            .agg(accounts=pl.len(), delta=column.sum())
            .sort("currency")
        )
        found += [_as_text({"because": reason, **one}) for one in summed.to_dicts()]
    return found


def _as_text(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: str(one) if isinstance(one, Decimal) else one for name, one in row.items()}


def _keep(home: Home, made: Plan, rows: pl.DataFrame, asking: Asking, when: When) -> Planned:
    """Keep the papers, then record the signed requests; the first one's id is the token."""
    data = planned.rows_bytes(rows)
    made = replace(made, rows_sha256=hashlib.sha256(data).hexdigest())
    signer = asking.signer
    if signer is None or not made.corrections:
        name = f"unsigned-{made.period_id}-{made.from_algorithm}-{made.to_algorithm}"
        folder = planned.folder_of(home, name)
        planned.keep(folder, made, data)
        return Planned(plan=made, folder=folder, token=None)
    when = signing.in_lake_time(home, when)
    drafts = []
    if made.decides:
        drafts.append(
            requests.draft(
                home,
                signer,
                action=DECIDE,
                subject=_decision(rows),
                reason=asking.reason,
                when=when,
            )
        )
        made = replace(made, decision_request_id=drafts[0].request_id)
    made = replace(made, requester=signer.name)
    subject = {
        "period_id": made.period_id,
        "from_algorithm": made.from_algorithm,
        "to_algorithm": made.to_algorithm,
        "corrections": made.corrections,
        "plan_sha256": made.sha256,
    }
    asked = requests.draft(
        home, signer, action=ACTION, subject=subject, reason=asking.reason, when=when
    )
    token = asked.request_id
    folder = planned.folder_of(home, token)
    planned.keep(folder, made, data)
    drafts.append(asked)
    signing.record(home, drafts, when)
    return Planned(plan=made, folder=folder, token=token)


def _decision(rows: pl.DataFrame) -> Mapping[str, Any]:
    """What is asked of the exceptions the corrections will be: their ids are known beforehand."""
    ids = rows.filter("to_people")["event_id"].to_list()
    return {
        "decision": "next_period",
        "event_count": len(ids),
        "events_sha256": events_sha256(ids),
    }
