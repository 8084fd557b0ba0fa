"""Making a home ready: the lake, its first event, and later changes of policy.

Idempotent: a second run changes nothing unless the settings' policy did. Does not build.
Called by `ledgerlake init` and the demo.
"""

from dataclasses import dataclass

from ingestion.lake import Lake
from ingestion.lake.writer import Clock, system_clock
from orchestration import policy
from orchestration.home import Home
from orchestration.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Initialised:
    """What `init` found and did. `policy_commit` is None when the policy stood already."""

    home: str
    lake_id: str
    created: bool
    policy_commit: int | None
    max_delay_days: int
    initial_grace_hours: int
    head_commit: int


def initialise(
    settings: Settings, *, now: Clock = system_clock, dated_us: int | None = None
) -> Initialised:
    """Create the lake if there is none, and record the settings' policy if it is not in force.

    `dated_us` dates a new lake back, so that a historical import can start there.
    """
    home = Home.of(settings)
    created = not (home.lake / "_delta_log").exists()
    lake = Lake.create(
        home.lake, home.index, tenant_id=home.tenant, now=now, ingest_time_us=dated_us
    )
    try:
        recorded = policy.newest_recorded(home.lake)
        commit = None
        if recorded is None or not recorded.equals(settings.lateness):
            historical = dated_us is not None and lake.head.ingest_time_us == dated_us
            at = lake.head.ingest_time_us + 1 if historical else now()
            commit = policy.record(lake, settings.lateness, now_us=at, historical=historical)
        return Initialised(
            home=str(home.root),
            lake_id=lake.head.lake_id,
            created=created,
            policy_commit=commit,
            max_delay_days=settings.lateness.max_delay_days,
            initial_grace_hours=settings.lateness.initial_grace_hours,
            head_commit=lake.head.seq,
        )
    finally:
        lake.close()
