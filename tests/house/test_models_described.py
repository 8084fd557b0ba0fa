"""Every dbt model has its yml, and every column of it says what it is."""

from pathlib import Path
from typing import Any

import yaml

from tests.house.sources import ROOT

MODELS = ROOT / "dbt_project" / "models"
LAYERS = {"staging": "stg_", "intermediate": "int_"}


def _models() -> list[Path]:
    return sorted(MODELS.rglob("*.sql"))


def _description(model: Path) -> dict[str, Any]:
    """The entry of a model in its same-named yml, empty if there is none."""
    path = model.with_suffix(".yml")
    if not path.is_file():
        return {}
    entries = (yaml.safe_load(path.read_text()) or {}).get("models", [])
    return next((entry for entry in entries if entry.get("name") == model.stem), {})


def _where(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_model_has_a_yml_of_its_name_that_describes_it() -> None:
    assert _models()
    broken = [
        f"{_where(model)}: write {model.stem}.yml beside it, with a description of the model"
        for model in _models()
        if not _description(model).get("description", "").strip()
    ]
    assert not broken, "\n".join(broken)


def test_every_described_model_exists() -> None:
    broken = [
        f"{_where(path)} describes {entry['name']}, which has no {entry['name']}.sql beside it"
        for path in sorted(MODELS.rglob("*.yml"))
        for entry in (yaml.safe_load(path.read_text()) or {}).get("models", [])
        if not path.with_name(f"{entry['name']}.sql").is_file()
    ]
    assert not broken, "\n".join(broken)


def test_every_column_of_a_model_is_described() -> None:
    broken = [
        f"{_where(model)}: {model.stem}.{column.get('name')} has no description"
        for model in _models()
        for column in _description(model).get("columns") or [{}]
        if not column.get("description", "").strip()
    ]
    assert not broken, "\n".join(broken)


def test_a_model_is_named_after_its_layer() -> None:
    broken = [
        f"{_where(model)}: a model of {layer} is named {prefix}<entity>__<what>"
        for layer, prefix in LAYERS.items()
        for model in sorted((MODELS / layer).rglob("*.sql"))
        if not model.stem.startswith(prefix)
    ]
    assert not broken, "\n".join(broken)


def test_every_model_says_its_grain_in_its_first_line() -> None:
    broken = [
        f"{_where(model)}: begins with {first!r}, wanted '-- One row per ...'"
        for model in _models()
        if not (first := model.read_text().splitlines()[0]).startswith("-- One row per ")
    ]
    assert not broken, "\n".join(broken)


def test_no_sql_reads_a_clock() -> None:
    clocks = ("now()", "current_timestamp", "current_date", "today()", "get_current_time")
    folders = (MODELS, ROOT / "dbt_project" / "macros", ROOT / "dbt_project" / "tests")
    broken = [
        f"{_where(path)}:{number} has {clock}: a build knows the lake up to a commit, no clock"
        for folder in folders
        for path in sorted(folder.rglob("*.sql"))
        for number, line in enumerate(path.read_text().lower().splitlines(), 1)
        for clock in clocks
        if clock in line.split("--")[0]
    ]
    assert not broken, "\n".join(broken)
