"""Applying a replay: from the second pair of eyes to notices, resumable after any death.

approved -> posted -> decided -> notified. What is done is read from the lake and the outbox, never
from notes, so that running it again goes on. Called by `ledgerlake replay apply`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import polars as pl

from audit.signed_note import Signer
from ledger.calendar import Period
from ledger.errors import IncorrectInput
from ledger.interest import algorithms
from ledger.people import Request
from orchestration.close import signing
from orchestration.close.signing import When
from orchestration.desk import requests
from orchestration.desk.decided_events import NamedEvent, keep_named
from orchestration.desk.known import read_known
from orchestration.home import Home
from orchestration.interest import notices, planned, posting
from orchestration.interest.balances import require_all_known
from orchestration.interest.difference import Change
from orchestration.interest.plan import ACTION, people_reason
from orchestration.interest.planned import Plan
from orchestration.interest.posted import read_posted, segments_of
from orchestration.interest.posting import Posting, Progress, Step
from orchestration.locks import exclusive
from orchestration.settings import Settings

EVENT_TYPE = "CorrectionApplied"


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What this call did. `posted_before`: corrections the lake had from a run that broke off."""

    period_id: str
    token: str
    corrections: int
    posted: int
    posted_before: int
    decided: int
    notices: int
    first_commit: int | None
    last_commit: int | None


def apply(
    settings: Settings,
    token: str,
    *,
    signer: Signer,
    when: When,
    progress: Progress = lambda _done, _total: None,
    step: Step = lambda _name: None,
) -> Applied:
    """Approve `token`'s plan and post it, or go on where that broke off.

    IncorrectInput when the plan does not stand any more, or who asked is who approves.
    """
    home = Home.of(settings)
    with exclusive(home.interest_lock, doing="replay apply"):
        asked = _find(home, token)
        plan, rows = planned.read(home, asked.request_id, plan_sha256=asked.subject["plan_sha256"])
        one = _Apply(home, asked, plan, rows, signer, when)
        if asked.state == "open":
            one.approve()
        step("approved")
        done = one.post(progress, step)
        step("posted")
        decided = one.decide()
        step("decided")
        told = notices.put(home, plan, asked.request_id, one.corrections)
        step("notified")
        return Applied(
            period_id=plan.period_id,
            token=asked.request_id,
            corrections=plan.corrections,
            posted=done.posted,
            posted_before=done.before,
            decided=decided,
            notices=told,
            first_commit=done.first_commit,
            last_commit=done.last_commit,
        )


@dataclass(frozen=True)
class _Apply:
    """One run: its plan, who approves and when, in one place."""

    home: Home
    asked: Request
    plan: Plan
    rows: pl.DataFrame
    signer: Signer
    when: When

    @property
    def corrections(self) -> pl.DataFrame:
        return self.rows.filter("material")

    @property
    def change(self) -> Change:
        plan = self.plan
        return Change(
            period=Period(
                date.fromisoformat(plan.first_date),
                date.fromisoformat(plan.end_date),
                plan.period_id,
            ),
            before=algorithms.get(plan.from_algorithm),
            after=algorithms.get(plan.to_algorithm),
        )

    def approve(self) -> None:
        if self.signer.name == self.asked.requester:
            raise IncorrectInput(
                "requester_must_not_approve",
                thing=f"replay of {self.plan.period_id}",
                expected=f"somebody other than {self.asked.requester}, who asked for it",
                found=self.signer.name,
                remedy="Let a second person with role approver run `ledgerlake replay apply`.",
            )
        self._require_standing()
        approved = signing.approval(
            signing.lake_id(self.home),
            self.signer,
            self.asked,
            when=signing.in_lake_time(self.home, self.when),
            reason=self.asked.reason,
        )
        signing.record(self.home, [approved], self.when)

    def _require_standing(self) -> None:
        """IncorrectInput if what the plan was made from is not so any more."""
        plan = self.plan
        moved = list(self._moved())
        if moved:
            raise IncorrectInput(
                "plan_must_still_stand",
                thing=f"replay of {plan.period_id}, {plan.from_algorithm} to {plan.to_algorithm}",
                expected="nothing to have moved since it was planned",
                found="; ".join(moved),
                remedy="Plan anew: ledgerlake replay interest"
                f" --from {plan.from_algorithm} --to {plan.to_algorithm} --period {plan.period_id}",
            )
        require_all_known(self.home, plan.known_as_of_commit, self.change.period)

    def _moved(self) -> Iterator[str]:
        plan, change, books = self.plan, self.change, read_known(self.home).books
        if (change.before.sha256, change.after.sha256) != (plan.from_sha256, plan.to_sha256):
            yield "the declaration of an algorithm is another"
        if books.calendar.find(plan.period_id) != change.period:
            yield f"{plan.period_id} has other dates"
        elif people_reason(books, change, self.rows, self.when) != plan.goes_to_people:
            yield f"corrections of {plan.period_id} would be booked elsewhere"
        with duckdb.connect() as connection:
            posted = read_posted(connection, self.home, change.period)
        if posted.newest_commit != plan.newest_posted_commit:
            yield f"commit {posted.newest_commit} posted interest of {plan.period_id}"

    def post(self, progress: Progress, step: Step) -> posting.Done:
        columns = ("event_id", "account_id", "currency", pl.col("delta").alias("amount"), "payload")
        made = Posting(
            run_id=self.asked.request_id,
            event_type=EVENT_TYPE,
            period=self.change.period,
            rows=self.corrections.select(columns),
        )
        lake = posting.open_lake(self.home, step)
        try:
            return posting.post(lake, made, when=self.when, progress=progress)
        finally:
            lake.close()

    def decide(self) -> int:
        """Approve that corrections which became exceptions are booked in the first open period."""
        if self.plan.decision_request_id is None:
            return 0
        asked = requests.find(read_known(self.home).books, self.plan.decision_request_id)
        if asked.state == "open":
            keep_named(self.home, asked.request_id, self._named())
        answered = requests.approve(self.home, asked.request_id, signer=self.signer, when=self.when)
        return answered.effects

    def _named(self) -> list[NamedEvent]:
        """The exceptions where the lake has them, for the decision names rows."""
        ids = self.rows.filter("to_people")["event_id"]
        paths = [self.home.lake / one.path for one in segments_of(self.home)]
        rows = (
            pl.scan_parquet(paths, hive_partitioning=False)
            .filter(pl.col("event_id").is_in(ids.implode()))
            .select("event_id", "row_index")
            .sort("row_index")
            .collect()
        )
        return [
            NamedEvent(
                event_id=event_id,
                row_index=row_index,
                business_date=self.change.period.end_date - timedelta(days=1),
                previous_decision=None,
                previous_posting_period=None,
            )
            for event_id, row_index in rows.iter_rows()
        ]


def _find(home: Home, token: str) -> Request:
    asked = requests.find(read_known(home).books, token)
    if asked.action != ACTION or asked.state == "declined":
        raise IncorrectInput(
            "token_must_be_of_a_plan",
            thing=f"token {token}",
            expected="the token that `ledgerlake replay interest ... --as NAME` printed",
            found=f"a request to {asked.action}, {asked.state}",
            remedy="`ledgerlake requests list --all` shows what was asked for.",
        )
    return asked
