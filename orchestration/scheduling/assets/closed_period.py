"""A close as assets: the gate's controls, the closed edition, the certificate; one per period.

One step, for a close is one: `orchestration.close.apply`, as the command line calls it, which
resumes by itself. The gate's controls are blocking checks; a failed one leaves the period
SoftClosed and no edition or certificate. Called by `definitions`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetSpec,
    Config,
    Failure,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    RetryRequested,
    multi_asset,
)
from pydantic import Field

from expectations.suite import Severity
from expectations.suites import SUITES
from ingestion.control.books import load_books
from ingestion.lake.writer import Clock
from ledger.control_events import PeriodClosed
from ledger.errors import IncorrectInput
from orchestration.build import Builder
from orchestration.close import runs
from orchestration.close.apply import Closed, Failed, Keys, apply
from orchestration.close.runs import Run
from orchestration.close.signing import When, lake_id
from orchestration.home import Home
from orchestration.keys import lake_signer, person_signer
from orchestration.locks import Busy
from orchestration.scheduling import keys
from orchestration.scheduling.assets.models import BUSY_RETRIES, BUSY_SECONDS
from orchestration.scheduling.partitions import PERIODS
from orchestration.scheduling.shown.tables import table
from orchestration.settings import Settings

Control = Mapping[str, Any]
Result = MaterializeResult[None] | AssetCheckResult


class CloseConfig(Config):
    """What `ledgerlake close apply TOKEN --as NAME --acknowledge CODE` is given."""

    token: str = Field(description="As the plan of this period shows it.")
    person: str = Field(description="Approver who signs; somebody else than asked for the close.")
    acknowledged: list[str] = Field(default=[], description="Warnings of the plan, by their codes.")


SPECS = [
    AssetSpec(
        keys.PERIOD_CONTROLS,
        deps=[keys.CLOSE_PLAN],
        description="What the gate asked of the period at its cut-off, and what it found.",
    ),
    AssetSpec(
        keys.CLOSED_EDITION,
        deps=[keys.PERIOD_CONTROLS],
        description="The edition that froze the period; it stays readable.",
    ),
    AssetSpec(
        keys.CERTIFICATE,
        deps=[keys.CLOSED_EDITION],
        description="What was closed, signed: checked offline with `python -m audit.verify`.",
    ),
]

CHECKS = [
    AssetCheckSpec(
        control.name,
        asset=keys.PERIOD_CONTROLS,
        blocking=control.severity is Severity.BLOCKER,
        description=control.question,
        metadata={"suite": suite.name, "remedy": control.remedy},
    )
    for suite in SUITES
    for control in suite.controls
]


@multi_asset(
    name="close_period",
    specs=[spec.replace_attributes(group_name="close", partitions_def=PERIODS) for spec in SPECS],
    check_specs=CHECKS,
    pool=keys.WAREHOUSE_POOL,
)
def closed_period(
    context: AssetExecutionContext,
    config: CloseConfig,
    settings: ResourceParam[Settings],
    now: ResourceParam[Clock],
) -> Iterator[Result]:
    """Approve a plan and close its period, or go on with a close that broke off."""
    home = Home.of(settings)
    _require_token_of(home, config.token, context.partition_key)
    done = _apply(settings, home, config, When(now_us=now()))
    if isinstance(done, Failed):
        yield from judged(done.controls, {"step": MetadataValue.text(done.step)})
        raise _failure(done)
    event = _event(home, config.token)
    yield from judged(event.controls, {"cut_off_commit": MetadataValue.int(event.cut_off_commit)})
    yield from _closed(done)


def _require_token_of(home: Home, token: str, period_id: str) -> Run:
    run = runs.find(home, load_books(home.lake), token)
    if run.period_id != period_id:
        raise IncorrectInput(
            "token_must_be_of_this_period",
            thing=f"token {token}",
            expected=f"the token of a plan of {period_id}, the partition of this run",
            found=f"one of a plan of {run.period_id}",
            remedy="Start the job for the partition of the plan.",
        )
    return run


def _apply(settings: Settings, home: Home, config: CloseConfig, when: When) -> Closed | Failed:
    signers = Keys(
        approver=person_signer(home, config.person),
        lake=lake_signer(home, lake_id(home), now_us=when.now_us),
    )
    try:
        return apply(
            settings,
            config.token,
            keys=signers,
            when=when,
            acknowledged=config.acknowledged,
            builder=Builder(settings),
        )
    except Busy as busy:
        raise RetryRequested(BUSY_RETRIES, seconds_to_wait=BUSY_SECONDS) from busy


def _event(home: Home, token: str) -> PeriodClosed:
    books = load_books(home.lake)
    ended = runs.outcome(books, runs.find(home, books, token))
    assert ended is not None and isinstance(ended.event, PeriodClosed), f"{token} is not Closed"
    return ended.event


def judged(controls: Sequence[Control], more: Mapping[str, MetadataValue]) -> Iterator[Result]:
    """The controls as one table, and each as a check. None when no gate was reached."""
    if not controls:
        return
    rows = [
        {name: one[name] for name in ("suite", "name", "severity", "success")} for one in controls
    ]
    yield MaterializeResult(
        asset_key=keys.PERIOD_CONTROLS, metadata={**more, "controls": table(rows)}
    )
    known = {spec.name for spec in CHECKS}
    for one in controls:
        if one["name"] in known:
            yield _checked(one)


def _checked(one: Control) -> AssetCheckResult:
    blocks = one["severity"] == Severity.BLOCKER
    return AssetCheckResult(
        asset_key=keys.PERIOD_CONTROLS,
        check_name=str(one["name"]),
        passed=bool(one["success"]),
        severity=AssetCheckSeverity.ERROR if blocks else AssetCheckSeverity.WARN,
        metadata={
            "expected": MetadataValue.text(str(one["expected"])),
            "observed": MetadataValue.text(str(one["observed"])),
            "sample": table(list(one["rows"])),
        },
    )


def _closed(done: Closed) -> Iterator[Result]:
    yield MaterializeResult(
        asset_key=keys.CLOSED_EDITION,
        metadata={
            "edition": MetadataValue.int(done.published_edition),
            "closed_edition": MetadataValue.int(done.closed_edition),
        },
    )
    yield MaterializeResult(
        asset_key=keys.CERTIFICATE,
        metadata={
            "file": MetadataValue.path(str(done.certificate)),
            "sha256": MetadataValue.text(done.certificate_sha256),
            "run": MetadataValue.text(done.run_id),
        },
    )


def _failure(done: Failed) -> Failure:
    return Failure(
        description=f"{done.period_id} stays SoftClosed, step {done.step}: {done.reason}",
        metadata={"docs": MetadataValue.path(str(done.docs))} if done.docs else {},
        allow_retries=False,
    )
