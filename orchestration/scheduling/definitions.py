"""Assembles everything Dagster runs. Holds no asset, sensor or job of its own.

`dagster dev` finds `ledgerlake` through `[tool.dagster]` in pyproject.toml; tests call `assemble`
with settings and a clock of theirs.
"""

from pathlib import Path

from dagster import Definitions, definitions, in_process_executor
from dbt.contracts.graph.manifest import Manifest as Parsed

from ingestion.lake.writer import Clock, system_clock
from orchestration import settings as all_settings
from orchestration.alerts import Alerts
from orchestration.build import project_folder
from orchestration.home import Home
from orchestration.scheduling.assets.close_plan import close_plan_asset
from orchestration.scheduling.assets.closed_period import closed_period
from orchestration.scheduling.assets.edition import edition_asset
from orchestration.scheduling.assets.lake import LAKE_SPEC
from orchestration.scheduling.assets.models import model_assets, quick_checks
from orchestration.scheduling.assets.period_figures import period_figures
from orchestration.scheduling.jobs.acts import act_jobs
from orchestration.scheduling.jobs.sagas import RUN_SAGAS, sagas_job
from orchestration.scheduling.jobs.selections import (
    BUILD,
    PLAN,
    REFRESH_PERIOD,
    build_job,
    check_everything_job,
    close_job,
    plan_job,
    refresh_period_job,
)
from orchestration.scheduling.manifest import prepared
from orchestration.scheduling.sensors.alerts import failed_runs_sensor, pending_exceptions_sensor
from orchestration.scheduling.sensors.due_sagas import due_sagas_sensor
from orchestration.scheduling.sensors.late_arrivals import late_arrivals_sensor
from orchestration.scheduling.sensors.new_commits import new_commits_sensor
from orchestration.scheduling.sensors.period_clock import period_clock_sensor
from orchestration.settings import Settings


def assemble(
    *,
    settings: Settings | None = None,
    project: Path | None = None,
    now: Clock = system_clock,
    alerts: Alerts | None = None,
    parsed: Parsed | None = None,
) -> Definitions:
    """All definitions; settings default to those of the working folder.

    `parsed`: the project as dbt parsed it in this process; otherwise each run parses it, about 4 s.
    """
    chosen = settings or all_settings.load()
    manifest = prepared(Home.of(chosen), project or project_folder())
    models = model_assets(manifest, parsed=parsed)
    return Definitions(
        assets=[
            LAKE_SPEC,
            models,
            edition_asset(manifest),
            period_figures,
            close_plan_asset(models),
            closed_period,
        ],
        jobs=[
            build_job(models, quick_checks(manifest, models)),
            check_everything_job(models),
            refresh_period_job(),
            plan_job(),
            close_job(),
            *act_jobs(),
            sagas_job(),
        ],
        sensors=[
            new_commits_sensor(BUILD),
            late_arrivals_sensor(REFRESH_PERIOD),
            period_clock_sensor(PLAN),
            pending_exceptions_sensor(),
            failed_runs_sensor(),
            due_sagas_sensor(RUN_SAGAS),
        ],
        resources={"settings": chosen, "now": now, "alerts": alerts or Alerts(chosen, now=now)},
        # A process per step would cost each of them another start of about 10 s.
        executor=in_process_executor,
    )


@definitions
def ledgerlake() -> Definitions:
    """Found by Dagster; reads settings when Dagster loads it, not when it is imported."""
    return assemble()
