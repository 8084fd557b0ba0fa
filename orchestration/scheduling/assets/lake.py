"""The lake as an asset that is only observed: ingestion makes it, no run does.

Holds what is seen of it: head commit, root, rows by outcome. Called by `definitions`, and by the
sensor and the build, which record what of the lake they saw.
"""

from dagster import AssetObservation, AssetSpec, MetadataValue

from orchestration.home import Home
from orchestration.scheduling import keys
from orchestration.status import read_status

LAKE_SPEC = AssetSpec(
    keys.LAKE,
    group_name="lake",
    kinds={"parquet", "deltalake"},
    description="Every event ever received: append-only, one commit after the other.",
)

OUTCOMES = ("received", "accepted", "duplicate", "quarantined")


def observed(home: Home) -> AssetObservation:
    """The lake as it stands. Its root proves all of its events, so it is the data's version."""
    found = read_status(home).lake
    return AssetObservation(
        asset_key=keys.LAKE,
        tags={"dagster/data_version": found.tree_root},
        metadata={
            "head_commit": MetadataValue.int(found.commit_seq),
            "ingest_time": MetadataValue.timestamp(found.ingest_time),
            "dagster/row_count": MetadataValue.int(found.events),
            "tree_root": MetadataValue.text(found.tree_root),
            **{name: MetadataValue.int(getattr(found, name)) for name in OUTCOMES},
        },
    )
