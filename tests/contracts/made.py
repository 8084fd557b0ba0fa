"""Contracts made up for tests: a text of each version, read as a registry. Not a test itself."""

from collections.abc import Mapping
from pathlib import Path

from ingestion.contracts import registry
from ingestion.contracts.registry import Registry

HEAD = """
event_type = "{event_type}"
schema_version = {version}
family = "accounts"
stream = {{ column = "account_id" }}
"""
COLUMNS = """
[columns]
account_id = { required = true }
"""


def text(version: int, *, body: str = COLUMNS, top: str = "", event_type: str = "Made") -> str:
    """A contract file: `top` are keys beside the type's, `body` its tables."""
    return HEAD.format(event_type=event_type, version=version) + top + "\n" + body


def write(folder: Path, texts: Mapping[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in texts.items():
        (folder / f"{name}.toml").write_text(content, "utf-8")
    return folder


def made(*texts: str) -> Registry:
    """A registry of these contract files."""
    contracts = [registry.parse(one) for one in texts]
    return Registry({(one.event_type, one.schema_version): one for one in contracts})
