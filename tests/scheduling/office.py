"""A home with Dagster over it, in this process: `receive` events, `look` by a sensor, `run` a job.

Does not test. Called by the tests next to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from dagster import (
    AddDynamicPartitionsRequest,
    AssetKey,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    RunRequest,
    SensorResult,
    SkipReason,
    build_sensor_context,
)

from ingestion.lake import Lake
from ingestion.lake.writer import system_clock
from orchestration.home import Home
from orchestration.queries.edition_reader import open_edition
from orchestration.scheduling.definitions import assemble
from orchestration.settings import Settings
from tests.events import batch, sales
from tests.models.warehouse import parsed_project

PROJECT = Path(__file__).resolve().parents[2]
DAY = timedelta(days=1)
OPENED = datetime(2026, 1, 1, tzinfo=UTC)


def at_noon(events: pl.DataFrame, day: datetime) -> pl.DataFrame:
    """All events at noon of a day."""
    return events.with_columns(event_time=pl.lit(day + DAY / 2).cast(pl.Datetime("us", "UTC")))


@dataclass(frozen=True)
class Looked:
    """What a sensor asked for, or why it did not."""

    requests: list[RunRequest] = field(default_factory=list)
    said: str | None = None


@dataclass
class Office:
    """One home and one Dagster. `sold` numbers the sales."""

    settings: Settings
    instance: DagsterInstance
    sold: int = 70
    cursors: dict[str, str | None] = field(default_factory=dict)
    now_us: int = 0
    """What the clock of jobs and sensors shows; 0: the machine's."""

    @cached_property
    def lake(self) -> Lake:
        return Lake.open(self.home.lake, self.home.index)

    @property
    def home(self) -> Home:
        return Home.of(self.settings)

    @cached_property
    def definitions(self) -> Definitions:
        return assemble(
            settings=self.settings,
            project=PROJECT,
            now=lambda: self.now_us or system_clock(),
            parsed=parsed_project(),
        )

    def set_clock(self, moment: datetime) -> None:
        self.now_us = int(moment.timestamp()) * 1_000_000

    def receive(self, count: int, *, day: datetime, arrival: datetime) -> int:
        """Commit `count` sales of `day` as of `arrival`; returns the commit's number."""
        done = self.lake.append(
            batch(at_noon(sales(self.sold, count), day)),
            ingest_time_us=int(arrival.timestamp()) * 1_000_000,
        )
        self.sold += count
        assert done.seq is not None
        return done.seq

    def look(self, sensor_name: str) -> Looked:
        """One look of a sensor; what it asks to remember is remembered, as the daemon does."""
        repository = self.definitions.get_repository_def()
        with build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(sensor_name),
            repository_def=repository,
            sensor_name=sensor_name,
            resources=self._resources(sensor_name),
        ) as context:
            answer = repository.get_sensor_def(sensor_name)(context)
            cursor = context.cursor
        if isinstance(answer, SkipReason):
            self.cursors[sensor_name] = cursor
            return Looked(said=answer.skip_message)
        assert isinstance(answer, SensorResult)
        for request in answer.dynamic_partitions_requests or ():
            assert isinstance(request, AddDynamicPartitionsRequest)
            self.instance.add_dynamic_partitions(
                request.partitions_def_name, list(request.partition_keys)
            )
        self.cursors[sensor_name] = answer.cursor
        said = answer.skip_reason.skip_message if answer.skip_reason else None
        return Looked(list(answer.run_requests or ()), said)

    def _resources(self, sensor_name: str) -> Mapping[str, Any]:
        wanted = self.definitions.get_repository_def().get_sensor_def(sensor_name)
        return {
            name: (self.definitions.resources or {})[name] for name in wanted.required_resource_keys
        }

    def run(self, job: str, request: RunRequest | None = None) -> ExecuteInProcessResult:
        """Run a job as a sensor asked for it."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key if request else None,
            tags=dict(request.tags) if request else None,
            run_config=dict(request.run_config) if request else None,
            raise_on_error=False,
        )

    def act(
        self, job: str, op: str, *, period: str | None = None, **settings: Any
    ) -> ExecuteInProcessResult:
        """Run a job as a person starts it, with settings for its one step."""
        if period is not None:
            self.instance.add_dynamic_partitions("periods", [period])
        config = {"ops": {op: {"config": settings}}}
        return self.run(job, RunRequest(partition_key=period, run_config=config))

    def shown(self, asset: str) -> Mapping[str, Any]:
        """What Dagster shows of an asset's newest materialization."""
        event = self.instance.get_latest_materialization_event(AssetKey(asset))
        assert event is not None and event.asset_materialization is not None
        return event.asset_materialization.metadata

    def read(self, query: str) -> Sequence[Mapping[str, Any]]:
        """Rows of a query on the published edition."""
        with open_edition(self.home) as reader:
            return reader.rows(query, {})

    def partitions_made(self, asset: str) -> set[str]:
        """Partitions of an asset that Dagster knows to be made."""
        return set(self.instance.get_materialized_partitions(AssetKey(asset)))
