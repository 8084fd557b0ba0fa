"""The plan of a close, one per period: what stands in the way, what would freeze, how complete.

Holds what is shown of a plan. The plan is the one `ledgerlake close plan` makes; for the period
clock the period is closed softly first. Called by `definitions`.
"""

from collections.abc import Mapping

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    Config,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    RetryRequested,
    asset,
)
from pydantic import Field

from ingestion.lake.writer import Clock
from orchestration.build import BROKEN, Builder
from orchestration.close.plan import plan
from orchestration.close.planned import Planned
from orchestration.close.signing import When
from orchestration.desk.clock import soft_close_by_clock
from orchestration.home import Home
from orchestration.keys import person_signer
from orchestration.locks import Busy
from orchestration.scheduling import keys
from orchestration.scheduling.assets.models import BUSY_RETRIES, BUSY_SECONDS, failure
from orchestration.scheduling.partitions import PERIODS
from orchestration.scheduling.shown.curves import completeness_curve
from orchestration.scheduling.shown.tables import table
from orchestration.settings import Settings


class PlanConfig(Config):
    """Who asks for the close, if anybody does."""

    soft_close: bool = Field(
        default=False, description="Close the period softly first, as the period clock does."
    )
    person: str | None = Field(
        default=None, description="Requester who signs; without one there is no token."
    )
    reason: str = Field(default="", description="Why, in words; it is signed and kept.")


def close_plan_asset(models: AssetsDefinition) -> AssetsDefinition:
    """The plan behind all models."""

    @asset(
        key=keys.CLOSE_PLAN,
        deps=_leaves(models),
        partitions_def=PERIODS,
        group_name="close",
        kinds={"python"},
        pool=keys.WAREHOUSE_POOL,
        description="Every blocker of a close at once, what would freeze, and how complete it is.",
    )
    def close_plan(
        context: AssetExecutionContext,
        config: PlanConfig,
        settings: ResourceParam[Settings],
        now: ResourceParam[Clock],
    ) -> MaterializeResult[None]:
        home, period, when = Home.of(settings), context.partition_key, When(now_us=now())
        if config.soft_close:
            done = soft_close_by_clock(home, period, when=when)
            context.log.info(f"{period} " + ("SoftClosed" if done else "was SoftClosed already"))
            _build(settings)
        signer = person_signer(home, config.person) if config.person else None
        made = plan(settings, period, when=when, signer=signer, reason=config.reason)
        return MaterializeResult(metadata=_metadata(made))

    return close_plan


def _leaves(models: AssetsDefinition) -> list[AssetKey]:
    """Models that no other model reads: all others lie behind them."""
    read = {dep.asset_key for spec in models.specs for dep in spec.deps}
    return sorted(spec.key for spec in models.specs if spec.key not in read)


def _build(settings: Settings) -> None:
    """The soft close moved the lake's head: bring the warehouse there, or the plan is blocked."""
    try:
        built = Builder(settings).build(count_rows=False)
    except Busy as busy:
        raise RetryRequested(BUSY_RETRIES, seconds_to_wait=BUSY_SECONDS) from busy
    if built.outcome == BROKEN:
        raise failure(built)


def _metadata(made: Planned) -> Mapping[str, MetadataValue]:
    found = made.plan
    findings = [
        {
            "code": one.code,
            "severity": one.severity,
            "count": one.count,
            "question": one.question,
            "remedy": one.remedy,
        }
        for one in found.findings
    ]
    residual = list(found.lateness.get("residual", []))
    totals = [{"total": one.name, "value": one.value} for one in found.control_totals]
    return {
        "blockers": MetadataValue.int(len(found.blockers)),
        "warnings": MetadataValue.int(len(found.warnings)),
        "findings": table(findings),
        "token": MetadataValue.text(made.token or "none: somebody must sign, and nothing block"),
        "closed_edition": MetadataValue.int(found.closed_edition),
        "control_totals": table(totals),
        "complete": table(residual),
        "lateness": completeness_curve(list(found.lateness.get("curve", [])), residual),
        "plan_sha256": MetadataValue.text(made.plan_sha256),
    }
