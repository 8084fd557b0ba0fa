"""Names that assets, sensors and jobs share: asset keys, the pool, tags of runs.

Holds no code. A name changed here loses the history Dagster keeps under the old one.
"""

from dagster import AssetKey

LAKE = AssetKey("lake")
EDITION = AssetKey("edition")
PERIOD_FIGURES = AssetKey("period_figures")
CLOSE_PLAN = AssetKey("close_plan")
PERIOD_CONTROLS = AssetKey("period_controls")
CLOSED_EDITION = AssetKey("closed_edition")
CERTIFICATE = AssetKey("certificate")

WAREHOUSE_POOL = "warehouse"
"""One at a time: DuckDB lets one process write. deploy/dagster.yaml gives the pool its limit; the
build lock holds without it."""

LAKE_TAG = "ledgerlake/lake"
COMMIT_TAG = "ledgerlake/commit"
PERIOD_TAG = "ledgerlake/period"
DUE_SAGAS_TAG = "ledgerlake/due_sagas"
