"""Jobs that make assets: the whole chain up to the edition, and single periods.

Holds which assets each makes. Called by `definitions`; the sensors ask for them.
"""

from collections.abc import Sequence

from dagster import AssetCheckKey, AssetsDefinition, AssetSelection, define_asset_job
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from orchestration.scheduling import keys

BUILD = "build"
CHECK_EVERYTHING = "check_everything"
REFRESH_PERIOD = "refresh_period"
PLAN = "plan"
CLOSE = "close"


def build_job(
    models: AssetsDefinition, checks: Sequence[AssetCheckKey]
) -> UnresolvedAssetJobDefinition:
    """Every model, those tests whose cost follows what is new, then the edition."""
    chain = AssetSelection.assets(models).without_checks() | AssetSelection.assets(keys.EDITION)
    return define_asset_job(
        BUILD,
        chain | AssetSelection.checks(*checks),
        description="Bring every model to the lake's head, test what is new, publish an edition.",
    )


def check_everything_job(models: AssetsDefinition) -> UnresolvedAssetJobDefinition:
    """Every model and every test, then the edition: `ledgerlake build --publish`."""
    return define_asset_job(
        CHECK_EVERYTHING,
        AssetSelection.assets(models) | AssetSelection.assets(keys.EDITION),
        description="As build, with the tests that read whole tables.",
    )


def refresh_period_job() -> UnresolvedAssetJobDefinition:
    """The figures of one period."""
    return define_asset_job(
        REFRESH_PERIOD,
        AssetSelection.assets(keys.PERIOD_FIGURES),
        description="Show the figures of one period as the edition has them.",
    )


def plan_job() -> UnresolvedAssetJobDefinition:
    """`ledgerlake close plan`, of one period; for the clock after a soft close."""
    return define_asset_job(
        PLAN,
        AssetSelection.assets(keys.CLOSE_PLAN),
        description="Plan the close of one period; with a person, ask for it.",
    )


def close_job() -> UnresolvedAssetJobDefinition:
    """`ledgerlake close apply`, of one period."""
    return define_asset_job(
        CLOSE,
        AssetSelection.assets(keys.PERIOD_CONTROLS, keys.CLOSED_EDITION, keys.CERTIFICATE),
        description="Approve the plan of one period and close it; run again, it goes on.",
    )
