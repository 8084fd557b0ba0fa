"""Closing one period in the demo: ana plans, ben applies, both as the commands do.

Called by `orchestration.demo.closing`.
"""

from collections.abc import Sequence
from decimal import Decimal

from audit.certificate import ControlTotal
from ledger.control_events import PeriodClosed
from ledger.errors import InternalFault
from orchestration.cli import output
from orchestration.close import runs, signing
from orchestration.close.apply import Failed, Keys, apply
from orchestration.close.closed_figures import closes
from orchestration.close.plan import plan
from orchestration.close.planned import Plan, from_bytes
from orchestration.close.runs import Run
from orchestration.demo.stage import APPROVER, REQUESTER, Stage
from orchestration.keys import lake_signer

PLANNED_BY = ("--as", REQUESTER)
HASH_DIGITS = 12


def close(stage: Stage, period_id: str, *, closed_edition: int) -> None:
    """Plan and apply; goes on with a close that was broken off after its seal."""
    _Close(stage, period_id, closed_edition).run()


def sales_of(totals: Sequence[ControlTotal]) -> str:
    """Events and amount of the period's sales, as plan and certificate state them."""
    said = []
    for one in totals:
        if one.figure == "period_sales" and one.column == "event_count":
            said.append(f"{int(one.value):,} sales")
        elif one.figure == "period_sales" and one.column == "amount":
            amount = output.cell(Decimal(one.value), money=True)
            said.append(f"{amount} {one.where['currency']}")
    return ", ".join(reversed(said)) or "nothing"


class _Close:
    def __init__(self, stage: Stage, period_id: str, closed_edition: int) -> None:
        self._stage = stage
        self._period_id = period_id
        self._closed_edition = closed_edition
        self._run = self._begun()

    def run(self) -> None:
        self._stage.step(["close", "plan", self._period_id, *PLANNED_BY], self._plan, self._planned)
        assert self._run is not None, "it was planned in the step before"
        acknowledged = [word for one in self._warnings() for word in ("--acknowledge", one)]
        self._stage.step(
            ["close", "apply", self._run.run_id, "--as", APPROVER, *acknowledged],
            self._apply,
            self._applied,
        )

    def _begun(self) -> Run | None:
        """The run that closed it, or that sealed it and was broken off.

        One that was only planned is planned anew: other things may have come into the lake since.
        """
        home, books = self._stage.home, self._stage.books
        closed = _closed(self._stage, self._period_id, self._closed_edition)
        if closed is not None:
            return runs.find(home, books, closed.run_id)
        for one in runs.runs(home, books):
            if one.period_id == self._period_id and runs.sealed_at(books, one) is not None:
                return one
        return None

    def _plan(self) -> None:
        stage = self._stage
        done = plan(
            stage.settings, self._period_id, when=stage.when, signer=stage.signer(REQUESTER)
        )
        if done.token is None:
            found = "; ".join(f"{one.code}: {one.remedy}" for one in done.plan.blockers)
            raise InternalFault(
                "demo_period_must_be_ready_to_close",
                thing=f"period {self._period_id}",
                expected="nothing to block it",
                found=found,
                remedy="Do what it says, or set LEDGERLAKE_HOME to an empty folder.",
            )
        self._run = runs.find(stage.home, stage.books, done.token)

    def _planned(self) -> str | None:
        if self._run is None:
            return None
        said = f"nothing blocks; {sales_of(self._kept().control_totals)} will freeze"
        warnings = ", ".join(self._warnings())
        return f"{said}; to acknowledge: {warnings}" if warnings else said

    def _kept(self) -> Plan:
        assert self._run is not None, "only asked for once there is one"
        return from_bytes(runs.read_plan(self._run))

    def _warnings(self) -> list[str]:
        return [one.code for one in self._kept().warnings]

    def _apply(self) -> None:
        stage, run = self._stage, self._run
        assert run is not None, "it was planned in the step before"
        when = stage.when
        lake_key = lake_signer(stage.home, signing.lake_id(stage.home), now_us=when.now_us)
        done = apply(
            stage.settings,
            run.run_id,
            keys=Keys(approver=stage.signer(APPROVER), lake=lake_key),
            when=when,
            acknowledged=self._warnings(),
            builder=stage.builder,
        )
        if isinstance(done, Failed):
            raise InternalFault(
                "demo_close_must_succeed",
                thing=f"close of {self._period_id}",
                expected="every step and control to hold",
                found=f"{done.step}: {done.reason}",
                remedy="`ledgerlake close status` shows the report.",
            )

    def _applied(self) -> str | None:
        found = _closed(self._stage, self._period_id, self._closed_edition)
        if found is None:
            return None
        return (
            f"Closed, edition {found.closed_edition}; certificate"
            f" {found.certificate_sha256[:HASH_DIGITS]}"
        )


def _closed(stage: Stage, period_id: str, closed_edition: int) -> PeriodClosed | None:
    for one in closes(stage.books):
        if (one.period_id, one.closed_edition) == (period_id, closed_edition):
            return one
    return None
