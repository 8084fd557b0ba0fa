"""Mappings of the bundled and well-known data sets, to use and to copy from.

Holds TOML files only; `path` finds them in an installed package.
"""

from importlib import resources
from pathlib import Path


def path(name: str) -> Path:
    """The file of the mapping `name` (without `.toml`)."""
    return Path(str(resources.files("ingestion.mappings"))) / f"{name}.toml"
