"""Suites as Great Expectations suites: an ephemeral context over pandas, validated one by one.

Holds the only use of Great Expectations; importing this module takes seconds. Writes nothing but
Data Docs, sends nothing. Does not judge. Called by `expectations.gate` once per verdict.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context import EphemeralDataContext
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
)
from great_expectations.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation import Expectation

from expectations.gate import PeriodOfGate
from expectations.suite import AtMost, Control, Equal, Severity, Suite, Where
from expectations.verdict import SAMPLE_ROWS, Found
from ledger.errors import InternalFault

_SEVERITY = {Severity.BLOCKER: "critical", Severity.WARNING: "warning"}
_SITE = "gate"


@dataclass(frozen=True)
class _Part:
    """The controls of a suite that look at the same rows: to Great Expectations, a suite.

    Its own row conditions cost as much as all the rest: 0.5 s for thirty controls.
    """

    suite: Suite
    where: Where | None
    controls: Sequence[Control]

    @property
    def name(self) -> str:
        rows = "" if self.where is None else f".{re.sub('[^a-z]+', '_', self.where.value)}"
        return f"{self.suite.name}{rows}"


class Validation:
    """One run over all suites. Its time is the end of the period, not the clock: what is written
    about the same frames is the same whenever it is written."""

    def __init__(self, period: PeriodOfGate, docs_dir: Path | None) -> None:
        # It warns of every store and site it makes in memory; failures come back as results.
        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        self._run_time = datetime.combine(period.end_date, time(), UTC)
        self._run_id = RunIdentifier(run_name=period.period_id, run_time=self._run_time)
        self._context = _context(docs_dir)
        # One for all frames: every asset added writes the whole configuration anew.
        frames = self._context.data_sources.add_pandas("warehouse").add_dataframe_asset("frames")
        self._rows = frames.add_batch_definition_whole_dataframe("rows_looked_at")

    def run(self, suite: Suite, frame: pd.DataFrame) -> Mapping[str, Found]:
        """What each control of the suite found. InternalFault when one could not be evaluated."""
        found: dict[str, Found] = {}
        for where, controls in _by_rows(suite.controls).items():
            rows = frame if where is None else frame[frame[where.column] == where.value]
            found |= self._run(_Part(suite, where, controls), rows)
        return found

    def _run(self, part: "_Part", rows: pd.DataFrame) -> Mapping[str, Found]:
        try:
            validation = self._definition(part).run(
                batch_parameters={"dataframe": rows},
                result_format={
                    "result_format": "SUMMARY",
                    "partial_unexpected_count": SAMPLE_ROWS,
                    "unexpected_index_column_names": list(part.suite.key),
                },
                run_id=self._run_id,
            )
        except GreatExpectationsError as error:
            raise _fault(part.suite, "-", str(error)) from error
        found = dict(_found(part.suite, one) for one in validation.results)
        missing = [one.name for one in part.controls if one.name not in found]
        if missing:
            raise _fault(part.suite, missing[0], "no result")
        return found

    @property
    def run_time(self) -> str:
        """As the paths of the docs write it."""
        return self._run_time.strftime("%Y%m%dT%H%M%S.%fZ")

    def build_docs(self) -> None:
        self._context.build_data_docs(site_names=[_SITE])

    def _definition(self, part: "_Part") -> gx.ValidationDefinition:
        expectations = self._context.suites.add(
            gx.ExpectationSuite(
                name=part.name,
                expectations=[_expectation(one) for one in part.controls],
                notes=part.suite.question,
            )
        )
        # Run as it is: a checkpoint around it would act on nothing and take a quarter more.
        return self._context.validation_definitions.add(
            gx.ValidationDefinition(name=part.name, data=self._rows, suite=expectations)
        )


def _context(docs_dir: Path | None) -> EphemeralDataContext:
    """Nothing on disk but the docs: the usual ephemeral context makes a folder in /tmp."""
    sites = {}
    if docs_dir is not None:
        store = {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(docs_dir.resolve()),
        }
        sites[_SITE] = {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": store,
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            # What was asked stands beside each answer; pages of their own would only repeat it.
            "site_section_builders": {"profiling": "None", "expectations": "None"},
        }
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        data_docs_sites=sites,
        analytics_enabled=False,
        progress_bars={"globally": False, "metric_calculations": False},  # type: ignore[arg-type]
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _by_rows(controls: Sequence[Control]) -> Mapping[Where | None, Sequence[Control]]:
    groups: dict[Where | None, list[Control]] = {}
    for one in controls:
        groups.setdefault(one.where, []).append(one)
    return groups


def _expectation(control: Control) -> Expectation:
    check = control.check
    options: dict[str, Any] = {
        "severity": _SEVERITY[control.severity],
        "description": f"{control.name}: {control.question} If not: {control.remedy}",
        "meta": {"control": control.name},
    }
    if isinstance(check, Equal):
        return gxe.ExpectColumnPairValuesToBeEqual(
            column_A=check.expected, column_B=check.found, ignore_row_if="neither", **options
        )
    if isinstance(check, AtMost):
        return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=check.limit,
            column_B=check.column,
            or_equal=True,
            ignore_row_if="neither",
            **options,
        )
    return gxe.ExpectColumnValuesToBeInSet(
        column=check.column, value_set=list(check.values), **options
    )


def _found(suite: Suite, one: Any) -> tuple[str, Found]:
    name = one.expectation_config.meta["control"]
    if (raised := _raised(one.exception_info)) is not None:
        raise _fault(suite, name, raised)
    result = one.result
    breaking = int(result["unexpected_count"])
    if one.success is not (breaking == 0):
        raise _fault(suite, name, f"success {one.success} with {breaking} breaking rows")
    return name, Found(
        looked_at=int(result["element_count"]),
        breaking=breaking,
        sample=tuple(
            {column: _text(value) for column, value in row.items()}
            for row in result.get("partial_unexpected_index_list") or ()
        ),
    )


def _raised(info: Mapping[str, Any]) -> str | None:
    """The message of an exception: flat, or one entry per metric that failed."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if entry["raised_exception"]:
            return str(entry["exception_message"])
    return None


def _text(value: object) -> str | None:
    return None if value is None or pd.isna(value) else str(value)


def _fault(suite: Suite, control: str, found: str) -> InternalFault:
    return InternalFault(
        "control_suite_must_be_able_to_run",
        thing=f"suite {suite.name}, control {control}",
        expected="Great Expectations to evaluate it",
        found=found,
        remedy="The period stays as it is. Build the warehouse again, then plan the close anew.",
    )
