"""How dbt's models and tests are named, grouped and joined in Dagster.

Holds `Translator`. Does not run dbt. Called by `models`.
"""

from collections.abc import Mapping
from typing import Any

from dagster import AssetCheckSpec, AssetKey, AssetSpec
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

from orchestration.scheduling import keys
from orchestration.scheduling.manifest import Manifest

READING_MACROS = "dbt_project/macros/lake/read_lake.sql"
"""A model that calls one of these, however far down, reads the lake's files."""


class Translator(DagsterDbtTranslator):
    """A model's asset has the model's name and its layer as group; every test is a check."""

    def __init__(self, manifest: Manifest) -> None:
        # dbt's sources are the lake's tail: files of the lake, one asset.
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))
        self._macros: Mapping[str, Any] = manifest["macros"]

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return keys.LAKE
        return AssetKey(dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return str(dbt_resource_props["fqn"][1])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props.get("description", ""))

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> AssetSpec:
        """As dagster-dbt has it, and behind the lake if it reads the lake's files."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        if keys.LAKE in {dep.asset_key for dep in spec.deps}:
            return spec
        if not self._reads_lake(manifest["nodes"].get(unique_id, {})):
            return spec
        return spec.merge_attributes(deps=[keys.LAKE])

    def get_asset_check_spec(
        self,
        asset_spec: AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> AssetCheckSpec | None:
        """As dagster-dbt has it; a law over several models is checked on the last of them."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        node = manifest["nodes"][unique_id]
        parents = [one for one in node["depends_on"]["nodes"] if one.startswith("model.")]
        if spec is not None or node.get("attached_node") or len(parents) < 2:
            return spec
        last = max(parents, key=lambda one: (len(_ancestors(manifest, one)), one))
        if self.get_asset_key(manifest["nodes"][last]) != asset_spec.key:
            return None
        return AssetCheckSpec(
            name=node["name"],
            asset=asset_spec.key,
            additional_deps=[
                self.get_asset_key(manifest["nodes"][one]) for one in parents if one != last
            ],
            metadata={"dagster_dbt/unique_id": unique_id},
            blocking=True,
        )

    def _reads_lake(self, node: Mapping[str, Any]) -> bool:
        waiting = list(node.get("depends_on", {}).get("macros", []))
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen or name not in self._macros:
                continue
            seen.add(name)
            macro = self._macros[name]
            if macro["original_file_path"] == READING_MACROS:
                return True
            waiting += macro["depends_on"]["macros"]
        return False


def _ancestors(manifest: Mapping[str, Any], unique_id: str) -> set[str]:
    found: set[str] = set()
    waiting = [unique_id]
    while waiting:
        parents = set(manifest["parent_map"].get(waiting.pop(), [])) - found
        found |= parents
        waiting += parents
    return found
