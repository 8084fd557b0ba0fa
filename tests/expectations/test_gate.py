"""The gate over hand-made frames: what passes, what each suite catches, what cannot be judged."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from expectations.evidence import RESULTS, docs_digest
from expectations.gate import foresee, run_gate
from expectations.suite import Severity
from expectations.suites import SUITES
from expectations.verdict import Verdict
from ledger.errors import InternalFault
from tests.expectations.good_frames import MARCH, Value, broken, good_frames

CENT = Decimal("0.01")
DEAR = Decimal("12345.6800")
"""One cent more than the good total."""

BREAKS: list[tuple[str, int, dict[str, Value], str]] = [
    ("completeness", 10, {"state": "upload_missing"}, "every_store_day_is_uploaded"),
    ("completeness", 11, {"state": "events_missing"}, "every_uploaded_day_has_arrived"),
    ("completeness", 2, {"state": "silent"}, "no_expected_store_day_is_silent"),
    ("control_totals", 0, {"found_amount": DEAR}, "delta_amounts_are_those_of_the_lake"),
    ("control_totals", 1, {"found_count": 20}, "delta_counts_are_those_of_the_lake"),
    ("control_totals", 1, {"differing_days": 2}, "delta_days_are_those_of_the_lake"),
    ("control_totals", 2, {"found_amount": None}, "daily_sales_amounts_are_those_of_the_deltas"),
    ("control_totals", 2, {"found_count": 22}, "daily_sales_counts_are_those_of_the_deltas"),
    ("control_totals", 2, {"differing_days": 1}, "daily_sales_days_are_those_of_the_deltas"),
    ("control_totals", 3, {"found_amount": DEAR}, "period_books_amounts_are_those_of_the_deltas"),
    ("control_totals", 3, {"found_count": 22}, "period_books_counts_are_those_of_the_deltas"),
    ("control_totals", 3, {"differing_days": 1}, "period_books_days_are_those_of_the_deltas"),
    ("control_totals", 4, {"expected_amount": DEAR}, "event_amounts_are_those_the_stores_uploaded"),
    ("control_totals", 4, {"expected_count": 9}, "event_counts_are_those_the_stores_uploaded"),
    ("control_totals", 4, {"differing_days": 1}, "event_days_are_those_the_stores_uploaded"),
    ("roll_forward", 0, {"opening": CENT}, "opening_is_the_closing_of_the_period_before"),
    ("roll_forward", 1, {"closing": CENT}, "opening_plus_movements_is_closing"),
    ("roll_forward", 1, {"movements": CENT}, "movements_are_those_of_the_deltas"),
    (
        "conservation",
        0,
        {"outcome_count": 49},
        "received_rows_are_accepted_duplicate_or_quarantined",
    ),
    ("conservation", 0, {"routed_count": 41}, "lake_events_are_the_sum_of_their_routes"),
    ("conservation", 1, {"routed_count": 43}, "period_events_are_the_sum_of_their_routes"),
    ("conservation", 2, {"quarantined_count": 1}, "no_row_of_the_period_is_quarantined"),
    ("exceptions", 0, {"event_count": 1}, "no_exception_of_the_period_is_pending"),
    ("exceptions", 1, {"event_count": 1}, "no_exception_of_an_earlier_period_is_pending"),
    ("freshness", 0, {"state": "stale"}, "every_source_was_heard_after_the_period"),
    ("freshness", 2, {"silent_days": 2}, "no_store_is_silent_longer_than_usual"),
    ("volume", 0, {"state": "low"}, "no_store_sent_far_less_than_usual"),
    ("volume", 1, {"state": "high"}, "no_store_sent_far_more_than_usual"),
    ("earlier_closes", 1, {"amount": Decimal("77.1001")}, "closed_amounts_have_not_changed"),
    ("earlier_closes", 1, {"closed_count": None}, "closed_counts_have_not_changed"),
]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    return run_gate(good_frames(), period=MARCH, docs_dir=tmp_path_factory.mktemp("docs") / "good")


def test_a_period_in_order_passes_every_control(good: Verdict) -> None:
    assert good.passed and foresee(good_frames()).controls == good.controls
    assert not good.blockers and not good.warnings
    assert [one.name for one in good.controls] == [
        control.name for suite in SUITES for control in suite.controls
    ]


@pytest.mark.parametrize(("frame", "row", "values", "name"), BREAKS, ids=[b[3] for b in BREAKS])
def test_one_broken_value_fails_exactly_the_control_that_asks_for_it(
    frame: str, row: int, values: dict[str, Value], name: str
) -> None:
    # Each suite reads its own frame, so the others are asked without Great Expectations only.
    frames, its_own = broken(frame, row, **values), [one for one in SUITES if one.name == frame]
    verdict = run_gate(frames, period=MARCH, docs_dir=None, suites=its_own)
    assert foresee(frames, suites=its_own) == verdict, "a plan foresees it"
    (failed,) = [one for one in verdict.controls if not one.success]
    assert [one for one in foresee(frames).controls if not one.success] == [failed]
    assert (failed.suite, failed.name, failed.count) == (frame, name, 1)
    assert verdict.passed is (failed.severity is Severity.WARNING)
    (sample,) = failed.rows
    for column, value in values.items():
        if column in sample:
            assert sample[column] == (None if value is None else str(value))


def test_every_control_is_seen_failing() -> None:
    names = [control.name for suite in SUITES for control in suite.controls]
    assert sorted(names) == sorted(name for *_, name in BREAKS)
    assert len(set(names)) == len(names)


def test_a_sample_holds_five_rows_and_the_count_all() -> None:
    frames = good_frames()
    frames["completeness"]["state"] = "upload_missing"
    verdict = run_gate(frames, period=MARCH, docs_dir=None)
    assert foresee(frames) == verdict
    (failed,) = verdict.blockers
    assert (failed.count, len(failed.rows)) == (14, 5)
    assert failed.rows[0] == {
        "store_id": "leeds",
        "business_date": "2011-03-01",
        "state": "upload_missing",
    }


def test_the_figures_that_freeze_are_stated_exactly(good: Verdict) -> None:
    (one,) = [one for one in good.controls if one.name.startswith("period_books_amounts")]
    assert json.loads(one.observed) == [
        {
            "ledger": "sales",
            "currency": "GBP",
            "found_amount": "12345.6700",
            "found_count": "21",
        }
    ]


def test_as_long_as_usual_is_not_longer() -> None:
    frames = broken("freshness", 1, silent_days=1)
    verdict = run_gate(frames, period=MARCH, docs_dir=None)
    assert verdict.passed and not verdict.warnings
    assert foresee(frames) == verdict


@pytest.mark.parametrize("name", [suite.name for suite in SUITES])
def test_a_missing_or_empty_frame_or_column_is_a_fault_and_no_pass(name: str) -> None:
    frames = good_frames()
    whole = frames.pop(name)
    with pytest.raises(InternalFault, match=f"suite {name}: expected a frame"):
        run_gate(frames, period=MARCH, docs_dir=None)
    with pytest.raises(InternalFault, match="found an empty frame"):
        run_gate({**frames, name: whole.head(0)}, period=MARCH, docs_dir=None)
    column = whole.columns[-1]
    with pytest.raises(InternalFault, match=f"found no {column}"):
        run_gate({**frames, name: whole.drop(columns=[column])}, period=MARCH, docs_dir=None)


def test_a_control_without_a_row_to_look_at_is_a_fault() -> None:
    frames = good_frames()
    totals = frames["control_totals"]
    frames["control_totals"] = totals[totals["comparison"] != "lake_and_deltas"]
    for judge in (partial(run_gate, period=MARCH, docs_dir=None), foresee):
        with pytest.raises(InternalFault, match="a row for control delta_amounts"):
            judge(frames)
    frames["control_totals"] = totals[totals["comparison"] != "uploads_and_lake"]
    assert run_gate(frames, period=MARCH, docs_dir=None).passed


def test_a_missing_state_is_a_fault_and_no_pass() -> None:
    with pytest.raises(InternalFault, match="a value in every row of state"):
        run_gate(broken("volume", 0, state=None), period=MARCH, docs_dir=None)


def test_what_great_expectations_cannot_evaluate_is_a_fault() -> None:
    with pytest.raises(InternalFault, match="control no_store_is_silent_longer_than_usual"):
        run_gate(broken("freshness", 1, usual_days="many"), period=MARCH, docs_dir=None)
    with pytest.raises(InternalFault, match="suite freshness: expected values that compare"):
        foresee(broken("freshness", 1, usual_days="many"))


def test_docs_are_the_same_bytes_in_a_process_with_great_expectations_as_it_comes(
    good: Verdict, tmp_path: Path
) -> None:
    """Nothing of it left out (`quiet_gx`), neither for what holds nor for what fails."""
    script = (
        "import sys; from pathlib import Path; from expectations import gate;"
        "from tests.expectations.good_frames import MARCH, broken, good_frames;"
        "gate.quieten = lambda: None;"
        "found = [gate.run_gate(one, period=MARCH, docs_dir=Path(sys.argv[1]) / name).docs_sha256"
        " for name, one in (('bad', broken('control_totals', 3, found_amount=None)),"
        " ('good', good_frames()))];"
        "print(*found, 'scipy.stats._stats_py' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    failing = broken("control_totals", 3, found_amount=None)
    bad = run_gate(failing, period=MARCH, docs_dir=tmp_path / "here")
    assert done.stdout.split() == [bad.docs_sha256, good.docs_sha256, "True"]
    assert good.docs_path is not None
    assert docs_digest(tmp_path / "good") == docs_digest(good.docs_path) == good.docs_sha256


def test_what_great_expectations_needs_for_other_questions_is_loaded_when_asked_for() -> None:
    script = (
        "import sys; from expectations.quiet_gx import quieten; quieten();"
        "import expectations.validation;"
        "print([n for n in ('scipy.stats._stats_py', 'altair.vegalite') if n in sys.modules]);"
        "import altair; from scipy import stats;"
        "print(altair.Chart.__name__, stats.norm.cdf(0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "Chart 0.5"]


def test_the_digest_changes_with_one_figure_and_with_one_byte_of_a_page(
    good: Verdict, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    frames = broken("control_totals", 3, expected_amount=DEAR, found_amount=DEAR)
    verdict = run_gate(frames, period=MARCH, docs_dir=folder)
    assert verdict.passed and verdict.docs_sha256 != good.docs_sha256
    page = folder / "index.html"
    page.write_text(page.read_text() + " ")
    assert docs_digest(folder) != verdict.docs_sha256


def _pages(folder: Path) -> Iterator[Path]:
    return (folder / "validations").rglob("*.html")


def test_docs_show_a_page_per_suite_and_name_the_control_and_the_remedy(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    run_gate(broken("exceptions", 0, event_count=3), period=MARCH, docs_dir=folder)
    pages = {path.relative_to(folder).as_posix(): path for path in _pages(folder)}
    assert {name.split("/")[1] for name in pages} == {suite.name for suite in SUITES}
    (page,) = (
        path.read_text() for name, path in pages.items() if "exceptions/pending_period/" in name
    )
    linked = re.findall(r"'_table_row_link_path': '([^']*)'", (folder / "index.html").read_text())
    assert sorted(linked) == sorted(pages)
    assert "no_exception_of_the_period_is_pending" in page
    assert "ledgerlake exceptions decide" in page
    kept = json.loads((folder / RESULTS).read_text())
    assert kept["passed"] is False
    assert "great-expectations-web-assets" not in page


def test_the_gate_opens_no_connection_and_writes_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the gate opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.chdir(tmp_path)
    run_gate(good_frames(), period=MARCH, docs_dir=tmp_path / "docs")
    assert {path.name for path in tmp_path.iterdir()} == {"tmp", "docs"}
    assert not list(temporary.iterdir())


def test_great_expectations_is_not_loaded_by_who_only_reads_a_verdict() -> None:
    script = (
        "import sys; import expectations.gate, expectations.verdict, expectations.suites;"
        "print([n for n in ('great_expectations', 'pandas') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
