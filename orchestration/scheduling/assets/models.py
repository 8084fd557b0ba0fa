"""dbt's models as assets: one each, with lineage, columns and row counts; its tests are checks.

Holds the one step that builds them all. A build always takes the
whole project to the lake's head, for models follow each other by commit; what a run selects is
what it records. Does not publish. Called by `definitions`.
"""

from collections.abc import Iterator, Mapping

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    Failure,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    RetryRequested,
)
from dagster_dbt import dbt_assets
from dbt.contracts.graph.manifest import Manifest as Parsed

from orchestration.build import BROKEN, FAILED, PASSED, Builder, Built, NodeResult
from orchestration.home import Home
from orchestration.locks import Busy
from orchestration.scheduling import keys
from orchestration.scheduling.assets.lake import observed
from orchestration.scheduling.assets.translator import Translator
from orchestration.scheduling.manifest import Manifest
from orchestration.settings import Settings
from orchestration.status import read_build_record

FULL = "full"
"""dbt's tag of tests that read whole tables; see selectors.yml."""

BUSY_RETRIES = 60
BUSY_SECONDS = 10
"""How often and how long to wait for a build of another process: ten minutes cover the largest
measured build (benchmarks/build.py) several times."""


def quick_checks(manifest: Manifest, models: AssetsDefinition) -> list[AssetCheckKey]:
    """Checks whose cost follows what is new; those tagged `full` read whole tables."""
    full = _full_tests(manifest)
    return sorted(key for key in models.check_keys if key.name not in full)


def _full_tests(manifest: Manifest) -> set[str]:
    return {node["name"] for node in manifest["nodes"].values() if FULL in node.get("tags", [])}


def model_assets(manifest: Manifest, *, parsed: Parsed | None = None) -> AssetsDefinition:
    """All models of `manifest`, built by one step, which parses the project unless it is given."""

    full = _full_tests(manifest)

    @dbt_assets(
        manifest=manifest,
        name="build_models",
        dagster_dbt_translator=Translator(manifest),
        pool=keys.WAREHOUSE_POOL,
    )
    def build_models(
        context: AssetExecutionContext, settings: ResourceParam[Settings]
    ) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
        context.log_event(observed(Home.of(settings)))
        thorough = any(key.name in full for key in context.selected_asset_check_keys)
        built = _build(settings, thorough=thorough, parsed=parsed)
        yield from _results(context, built)
        context.log.info(f"{built.outcome}: the warehouse knows commit {built.commit_seq}")
        if built.outcome == BROKEN:
            raise failure(built)

    return build_models


def _build(settings: Settings, *, thorough: bool, parsed: Parsed | None) -> Built:
    checked = None if thorough else _checked(Home.of(settings))
    try:
        return Builder(settings, checked=checked, manifest=parsed).build()
    except Busy as busy:
        raise RetryRequested(max_retries=BUSY_RETRIES, seconds_to_wait=BUSY_SECONDS) from busy


def _checked(home: Home) -> int | None:
    """The commit up to which the last build passed: a run then checks what is new, as a watch does.

    None, so that all is checked, when there was none or the last one failed.
    """
    record = read_build_record(home)
    if record is None or record["outcome"] != PASSED or record["commit_seq"] is None:
        return None
    return int(record["commit_seq"])


def _results(
    context: AssetExecutionContext, built: Built
) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    wanted = context.selected_asset_keys
    checks = {key.name: key for key in context.selected_asset_check_keys}
    for node in built.nodes:
        key = AssetKey(node.name)
        if node.kind == "model" and key in wanted and node.status not in {*FAILED, "skipped"}:
            yield MaterializeResult(asset_key=key, metadata=_metadata(built, node))
        elif node.name in checks and node.status != "skipped":
            yield AssetCheckResult(
                passed=node.status not in FAILED,
                asset_key=checks[node.name].asset_key,
                check_name=node.name,
                severity=AssetCheckSeverity.ERROR,
                metadata={"rows_found": node.failures or 0, "seconds": node.seconds},
                description=node.header or node.message,
            )


def _metadata(built: Built, node: NodeResult) -> Mapping[str, MetadataValue]:
    found: dict[str, MetadataValue] = {"seconds": MetadataValue.float(node.seconds)}
    if built.commit_seq is not None:
        found["commit"] = MetadataValue.int(built.commit_seq)
    if node.rows is not None:
        found["dagster/row_count"] = MetadataValue.int(node.rows)
    return found


def failure(built: Built) -> Failure:
    """What failed; trying again would find the same."""
    lines = [
        f"{one.status} {one.kind} {one.name}: {one.header or one.message or ''}"
        for one in built.failed
    ]
    return Failure(
        description=f"{len(lines)} models or tests failed; the edition stays as it is.",
        metadata={"failed": MetadataValue.md("\n".join(f"- {line}" for line in lines))},
        allow_retries=False,
    )
