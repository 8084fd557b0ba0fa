"""Fixtures: a Dagster that keeps its state in a folder, and homes built once and copied."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ingestion.lake import Lake
from orchestration.build import Builder
from orchestration.home import Home
from orchestration.initialise import initialise
from orchestration.publish.publisher import publish
from orchestration.settings import Settings
from tests.events import batch, deposits, sales
from tests.models.warehouse import parsed_project
from tests.prepared import once
from tests.scheduling.office import DAY, OPENED, PROJECT, Office, at_noon


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEDGERLAKE_HOME", raising=False)


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """January 2, on the day after: three stores' sales and eleven accounts, built and published."""
    return once(tmp_path_factory, "scheduled-home", _publish)


def _publish(root: Path) -> Path:
    settings = Settings(home=root)
    home = Home.of(settings)
    initialise(settings, dated_us=int(OPENED.timestamp()) * 1_000_000)
    lake = Lake.open(home.lake, home.index)
    arrival = OPENED + 2 * DAY + timedelta(hours=2)
    lake.append(
        batch(at_noon(sales(0, 70), OPENED + DAY), at_noon(deposits(0, 22), OPENED + DAY)),
        ingest_time_us=int(arrival.timestamp()) * 1_000_000,
    )
    lake.close()
    built = Builder(settings, project=PROJECT, checked=0, manifest=parsed_project()).build()
    assert not built.failed, built.failed
    publish(settings)
    # As `dbt parse` would; the test with a real daemon lets it.
    home.schedule_manifest.parent.mkdir()
    shutil.copy(home.target / "manifest.json", home.schedule_manifest)
    return root


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    """A Dagster of this test alone."""
    quiet = {"telemetry": {"enabled": False}}
    with DagsterInstance.local_temp(str(tmp_path), overrides=quiet) as made:
        yield made


@pytest.fixture
def office(tmp_path: Path, published_once: Path, instance: DagsterInstance) -> Iterator[Office]:
    """The published home, copied, with all definitions over it."""
    root = tmp_path / "home"
    shutil.copytree(published_once, root, symlinks=True)
    settings = Settings(home=root)
    publish(settings, full=True)
    made = Office(settings, instance)
    yield made
    made.lake.close()
