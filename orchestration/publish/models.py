"""Which models are published and how, as dbt's manifest says.

Reads `meta.publish` of each model and hashes the SQL it is made by. Does not run dbt or read
the warehouse. Called by `publisher` and by the writer of `current.duckdb`.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from ledger.errors import IncorrectInput


class Kind(StrEnum):
    """How a table changes from edition to edition."""

    APPEND = "append"
    """Rows are only added, each with its commit: new rows go to new files."""
    PARTITIONED = "partitioned"
    """Rows change; the watermark tells which partitions: these are written anew."""
    WHOLE = "whole"
    """Small: written anew each time, the old file stays if the content does."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model to publish. `version` is a hash over its SQL, its parents' and all macros.

    `unique_key` identifies its rows and sorts them; empty: all columns in order do. `source`: what
    to read instead of the table dbt made. `is_view`: it holds no rows of its own.
    """

    name: str
    schema: str
    kind: Kind
    partition: str | None
    watermark: str | None
    version: str
    unique_key: tuple[str, ...] = ()
    source: str | None = None
    is_view: bool = False

    @property
    def relation(self) -> str:
        return self.source or f'"{self.schema}"."{self.name}"'


@dataclass(frozen=True)
class Models:
    """The publishable models in name order, and one hash over all of them.

    `definitions` are the SQL statements, each after those it builds upon, that make views and
    table macros over the tables: models with `meta.definition`.
    """

    tables: tuple[Model, ...]
    version: str
    definitions: tuple[str, ...] = ()


def read_models(target: Path) -> Models:
    """Models with `meta.publish` from `<target>/manifest.json`. IncorrectInput if dbt never ran."""
    path = target / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise IncorrectInput(
            "models_must_be_built_before_publishing",
            thing=f"dbt manifest {path}",
            expected="the manifest of a build",
            found="no file",
            remedy="Run `ledgerlake build` first.",
        ) from None
    return from_manifest(manifest)


def from_manifest(manifest: dict[str, Any]) -> Models:
    """As `read_models`, of a manifest in memory."""
    tables = _tables(manifest)
    definitions = _definitions(manifest["nodes"])
    return Models(tuple(tables), _version(tables), tuple(definitions))


def models_version(target: Path) -> str:
    """`Models.version` of the manifest dbt left there, whatever its run compiled."""
    return _version(_tables(json.loads((target / "manifest.json").read_bytes())))


def _tables(manifest: dict[str, Any]) -> list[Model]:
    tables = [
        _model(node, _code_hash(node_id, manifest))
        for node_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["config"]["meta"].get("publish")
    ]
    return sorted(tables, key=lambda model: model.name)


def _version(tables: list[Model]) -> str:
    return _sha256(*(f"{one.name}={one.version}" for one in tables))


def _model(node: dict[str, Any], version: str) -> Model:
    wanted = node["config"]["meta"]["publish"]
    return Model(
        name=node["alias"],
        schema=node["schema"],
        kind=_kind(node["name"], wanted.get("kind")),
        partition=wanted.get("partition"),
        watermark=wanted.get("watermark"),
        version=version,
        unique_key=_key(node["config"].get("unique_key")),
        is_view=node["config"].get("materialized") == "view",
    )


def _key(found: object) -> tuple[str, ...]:
    if isinstance(found, str):
        return (found,)
    return tuple(str(name) for name in found) if isinstance(found, list) else ()


def _definitions(nodes: dict[str, Any]) -> Iterator[str]:
    wanted = {
        node_id: node
        for node_id, node in nodes.items()
        if node["resource_type"] == "model" and node["config"]["meta"].get("definition")
    }
    parents = {
        node_id: sorted(set(node["depends_on"]["nodes"]) & set(wanted))
        for node_id, node in wanted.items()
    }
    for node_id in TopologicalSorter(dict(sorted(parents.items()))).static_order():
        yield _definition(wanted[node_id])


def _definition(node: dict[str, Any]) -> str:
    name = f'"{node["schema"]}"."{node["alias"]}"'
    code = node.get("compiled_code")
    if not code:
        raise IncorrectInput(
            "definition_must_be_compiled",
            thing=f"model {node['name']}",
            expected="its SQL in dbt's manifest",
            found="none: the last dbt run left it out",
            remedy="Run `ledgerlake build` for all models, then publish.",
        )
    if node["config"]["meta"]["definition"] == "table_macro":
        parameters = ", ".join(node["config"]["parameters"])
        return f"create macro {name}({parameters}) as table {code}"
    return f"create view {name} as {code}"


def _kind(name: str, found: object) -> Kind:
    try:
        return Kind(str(found))
    except ValueError:
        raise IncorrectInput(
            "publish_kind_must_be_known",
            thing=f"meta.publish.kind of model {name}",
            expected=f"one of {', '.join(Kind)}",
            found=repr(found),
            remedy="Repair the model's config.",
        ) from None


def _code_hash(node_id: str, manifest: dict[str, Any]) -> str:
    """SHA-256 over the SQL of a model and of all models, seeds and macros behind it."""
    nodes, macros = manifest["nodes"], manifest["macros"]
    project = manifest["metadata"]["project_name"]
    codes: dict[str, str] = {}
    waiting = [node_id]
    while waiting:
        one = waiting.pop()
        if one in codes or (one not in nodes and one not in macros):
            continue
        if one in macros:
            ours = macros[one]["package_name"] == project
            codes[one] = macros[one]["macro_sql"] if ours else ""
            found = macros[one]
        else:
            found = nodes[one]
            codes[one] = found["checksum"]["checksum"]
        needed = found.get("depends_on", {})
        waiting += [*needed.get("nodes", []), *needed.get("macros", [])]
    return _sha256(*(f"{one}={code}" for one, code in sorted(codes.items())))


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
