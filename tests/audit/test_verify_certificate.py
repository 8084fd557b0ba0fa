"""A certificate verifies with its key and files alone, or the wrong thing is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import audit
import ledger
from audit.canonical_json import canonical_json
from audit.certificate import Certificate, read_certificate
from audit.record import to_values
from audit.signed_note import Signer
from audit.time_stamp import time_stamp_request
from audit.trusted_keys import TrustedKey
from audit.verify import main
from ledger.errors import IncorrectInput
from ledger.statement_times import LONGEST_WAIT_US, SKEW_US
from tests.audit.certificates import (
    ANA,
    APPROVALS,
    BEN,
    CLOSE_SUBJECT,
    DECIDE_SUBJECT,
    LAKE,
    NOON_US,
    PLAN,
    Closed,
    close_in,
    copy_of,
    person,
    statements,
)
from tests.audit.time_authority import authority_in

KEY = LAKE.verifier.to_text()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Closed:
    return close_in(tmp_path_factory.mktemp("closed"))


@pytest.fixture
def closed(shelf: Closed, tmp_path: Path) -> Closed:
    return copy_of(shelf, tmp_path)


def test_a_sound_certificate_verifies(closed: Closed) -> None:
    report = closed.verify()
    assert report.ok, report.to_text()
    assert len(report.checks) == 7 and not report.not_checked
    assert report.sha256 == closed.certificate.digest


def test_the_document_comes_back_as_it_was_written(closed: Closed) -> None:
    assert read_certificate(closed.path.read_bytes()) == closed.certificate


def test_every_field_must_be_there_and_no_other(closed: Closed) -> None:
    values = to_values(closed.certificate)
    for name in values:
        fewer = {key: value for key, value in values.items() if key != name}
        _refused(fewer, f"no {name}")
    _refused({**values, "zone": 1}, "the unknown zone")
    files = [{**values["files"][0], "etag": "x"}, *values["files"][1:]]
    _refused({**values, "files": files}, "the unknown etag")
    _refused({**values, "closed_edition": True}, "bool")
    _refused({**values, "closed_edition": "1"}, "str")
    _refused({**values, "plan_sha256": "x"}, "x")


def _refused(values: dict[str, Any], found: str) -> None:
    with pytest.raises(IncorrectInput) as caught:
        read_certificate((canonical_json(values) + "\n").encode())
    assert found in caught.value.found
    assert caught.value.rule.startswith("certificate_must_have_its_")


# --- what the lake's own key may not sign away ------------------------------------------------


def _approvals(*pairs: tuple[str, str]) -> Callable[[Certificate], Certificate]:
    notes = tuple(note for pair in pairs for note in pair)
    return lambda certificate: replace(certificate, approvals=notes)


def _close(**moments: int) -> tuple[str, str]:
    approved: dict[str, object] = {**CLOSE_SUBJECT, "acknowledged": []}
    return statements("close_period", CLOSE_SUBJECT, number=2, approved_subject=approved, **moments)


CLOSE = _close()
DECIDE = statements("decide_exceptions", DECIDE_SUBJECT, number=1)
EVE = Signer(name="eve", seed=bytes(range(9, 41)))
BEN_AGAIN = Signer(name="ben", seed=ANA.seed)

FORGED: dict[str, tuple[Callable[[Certificate], Certificate], str]] = {
    "no approvals": (_approvals(), "close_must_be_approved_for_this_plan"),
    "no approved close": (_approvals(DECIDE), "close_must_be_approved_for_this_plan"),
    "no approved decisions": (_approvals(CLOSE), "decision_must_be_over_the_events_approved"),
    "one person alone": (
        _approvals(DECIDE, statements("close_period", CLOSE_SUBJECT, number=2, requester=BEN)),
        "requester_must_not_approve",
    ),
    "an approver without the role": (
        _approvals(
            DECIDE,
            statements("close_period", CLOSE_SUBJECT, number=2, requester=BEN, approver=ANA),
        ),
        "person_must_have_role",
    ),
    "a stranger": (
        _approvals(DECIDE, statements("close_period", CLOSE_SUBJECT, number=2, approver=EVE)),
        "note_must_be_signed_by_a_known_key",
    ),
    "a request without its approval": (
        lambda one: replace(one, approvals=one.approvals + statements("x", {}, number=8)[:1]),
        "request_must_be_approved_once",
    ),
    "an approval without its request": (
        lambda one: replace(one, approvals=one.approvals + statements("x", {}, number=8)[1:]),
        "approval_must_have_its_request",
    ),
    "an approval given twice": (
        lambda one: replace(one, approvals=one.approvals + CLOSE[1:]),
        "request_must_be_approved_once",
    ),
    "an approval of something else": (
        _approvals(
            DECIDE,
            statements(
                "close_period",
                CLOSE_SUBJECT,
                number=2,
                approved_subject={**CLOSE_SUBJECT, "period_id": "2011-02"},
            ),
        ),
        "statement_must_match_the_request",
    ),
    "the approval of another period": (
        _approvals(
            DECIDE,
            statements("close_period", {"period_id": "2011-02", "plan_sha256": PLAN}, number=2),
        ),
        "close_must_be_approved_for_this_plan",
    ),
    "the approval of another plan": (
        lambda one: replace(one, plan_sha256="0" * 64),
        "close_must_be_approved_for_this_plan",
    ),
    "an approval signed before its request": (
        _approvals(DECIDE, _close(approved_us=NOON_US - SKEW_US + 1)),
        "answer_must_not_be_signed_before_its_request",
    ),
    "a request signed after the cut-off": (
        _approvals(DECIDE, _close(asked_us=NOON_US + SKEW_US + 1)),
        "statement_must_not_be_signed_in_the_future",
    ),
    "an approval signed after the cut-off": (
        _approvals(
            statements(
                "decide_exceptions", DECIDE_SUBJECT, number=1, approved_us=NOON_US + 2 * SKEW_US
            ),
            CLOSE,
        ),
        "statement_must_not_be_signed_in_the_future",
    ),
    "an approval kept for a later close": (
        _approvals(DECIDE, _close(asked_us=0, approved_us=NOON_US - LONGEST_WAIT_US - 1)),
        "statement_must_be_recorded_within_7_days",
    ),
    "two people with one key": (
        lambda one: replace(one, people=(person(ANA, "requester"), person(BEN_AGAIN, "approver"))),
        "person_must_have_a_key_of_their_own",
    ),
    "a decided event that was not approved": (
        lambda one: replace(
            one, exceptions=(*one.exceptions, replace(one.exceptions[0], event_id="late-3"))
        ),
        "decision_must_be_over_the_events_approved",
    ),
    "an approved event left out": (
        lambda one: replace(one, exceptions=one.exceptions[:1]),
        "decision_must_be_over_the_events_approved",
    ),
    "a decision turned round": (
        lambda one: replace(
            one,
            exceptions=tuple(
                replace(e, decision="rejected", posting_period=None) for e in one.exceptions
            ),
        ),
        "decision_must_be_over_the_events_approved",
    ),
    "a booking without its period": (
        lambda one: replace(
            one, exceptions=tuple(replace(e, posting_period=None) for e in one.exceptions)
        ),
        "decision_must_say_where_it_books",
    ),
    "a gate that failed": (
        lambda one: replace(
            one,
            gate=replace(one.gate, controls=(replace(one.gate.controls[0], success=False),)),
        ),
        "gate_must_have_passed",
    ),
    "a restatement nobody reopened": (
        lambda one: replace(one, closed_edition=2, previous_edition_sha256="0" * 64),
        "restatement_must_follow_an_approved_reopening",
    ),
    "a figure of other rows": (
        lambda one: replace(one, figures=(replace(one.figures[0], rows=4), *one.figures[1:])),
        "figure_must_be_that_of_its_rows",
    ),
    "a control total a cent too high": (
        lambda one: replace(
            one,
            control_totals=(
                replace(one.control_totals[0], value="-2.24"),
                *one.control_totals[1:],
            ),
        ),
        "control_total_must_be_that_of_its_rows",
    ),
    "a file named twice": (
        lambda one: replace(one, files=(*one.files, one.files[0])),
        "file_must_be_named_once",
    ),
    "a file outside the folder": (
        lambda one: replace(
            one, files=(replace(one.files[0], path="period_sales/../../x"), *one.files[1:])
        ),
        "file_must_lie_in_the_folder_of_its_table",
    ),
    "rows that are not in the file": (
        lambda one: replace(one, files=(replace(one.files[0], rows=4), *one.files[1:])),
        "file_must_have_its_rows",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_certificate_is_found_although_the_lake_signed_it(
    name: str, closed: Closed
) -> None:
    alter, rule = FORGED[name]
    assert closed.altered(alter).rules()[:1] == [rule]


def test_a_person_who_came_back_with_another_role_is_named_with_both(closed: Closed) -> None:
    """Statements of both times may stand in one certificate; which was when, the lake tells."""
    for first, then, rules in (
        ("auditor", "approver", []),
        ("approver", "requester", []),
        ("auditor", "requester", ["person_must_have_role"]),
    ):
        people = (person(ANA, "requester"), person(BEN, first), person(BEN, then))
        assert closed.altered(lambda one, p=people: replace(one, people=p)).rules()[:1] == rules


def test_a_warning_passes_when_the_approver_acknowledged_it(closed: Closed) -> None:
    warned = replace(closed.certificate.gate.controls[0], severity="warning", success=False)
    for names, rules in (
        (["every_store_uploaded"], []),
        (["completeness.every_store_uploaded"], []),
        (["another"], ["gate_must_have_passed"]),
    ):
        approved: dict[str, object] = {**CLOSE_SUBJECT, "acknowledged": names}
        close = statements("close_period", CLOSE_SUBJECT, number=2, approved_subject=approved)
        issued = closed.issue(
            replace(
                closed.certificate,
                approvals=(*DECIDE, *close),
                gate=replace(closed.certificate.gate, controls=(warned,)),
            )
        )
        assert issued.rules() == rules


# --- chain, period, key -----------------------------------------------------------------------


def _next_month(closed: Closed) -> Closed:
    plan: dict[str, object] = {"period_id": "2011-04", "plan_sha256": PLAN}
    april = replace(
        closed.certificate,
        period=replace(
            closed.certificate.period,
            period_id="2011-04",
            first_date="2011-04-01",
            end_date="2011-05-01",
        ),
        approvals=(*DECIDE, *statements("close_period", plan, number=3)),
        previous_certificate_sha256=closed.certificate.digest,
    )
    return closed.issue(april)


def test_a_certificate_chains_to_the_month_before_and_to_the_edition_before(
    closed: Closed,
) -> None:
    april = _next_month(closed)
    assert april.rules(files=None, previous=closed.path) == []
    reopening = statements("reopen_period", {"period_id": "2011-03"}, number=4)
    restated = closed.issue(
        replace(
            closed.certificate,
            closed_edition=2,
            previous_edition_sha256=closed.certificate.digest,
            approvals=(*APPROVALS, *reopening),
        )
    )
    assert restated.rules(previous=closed.path) == []
    assert april.rules(files=None, previous=restated.path) == [
        "certificate_must_chain_to_the_one_before"
    ]
    assert restated.rules(previous=april.path) == ["certificate_must_chain_to_the_one_before"]


def test_an_old_certificate_does_not_pass_as_a_newer_one(closed: Closed) -> None:
    rule = "certificate_must_be_that_of_the_period_and_edition"
    assert closed.rules(period_id="2011-04") == [rule]
    assert closed.rules(closed_edition=2) == [rule]
    assert closed.rules(period_id="2011-03", closed_edition=1) == []
    renamed = closed.path.with_name("2011-03.edition-2.json")
    for suffix in (".json", ".note"):
        shutil.copy(closed.path.with_suffix(suffix), renamed.with_suffix(suffix))
    assert Closed(renamed, closed.tables, closed.certificate).rules() == [rule]


def test_another_key_is_not_believed(closed: Closed) -> None:
    other = Signer(name=LAKE.name, seed=bytes(range(5, 37)))
    assert closed.rules(keys=[other.verifier]) == ["note_must_be_signed_by_a_known_key"]
    assert closed.issue(closed.certificate, other).rules() == ["note_must_be_signed_by_a_known_key"]


def test_a_second_signature_line_is_not_let_through(closed: Closed) -> None:
    note = closed.path.with_suffix(".note")
    note.write_text(note.read_text() + note.read_text().splitlines()[-1] + "\n")
    assert closed.rules() == ["note_must_have_one_signature"]


def test_the_note_of_another_certificate_is_not_taken(closed: Closed) -> None:
    april = _next_month(closed)
    shutil.copy(april.path.with_suffix(".note"), closed.path.with_suffix(".note"))
    assert closed.rules() == ["certificate_must_be_the_one_signed"]


def test_a_time_stamp_over_the_note_is_checked(closed: Closed, tmp_path: Path) -> None:
    authority = authority_in(tmp_path / "tsa")
    note = closed.path.with_suffix(".note").read_bytes()
    stamp = tmp_path / "note.tsr"
    stamp.write_bytes(authority.answer(time_stamp_request(note)))
    assert closed.rules(time_stamp=stamp, tsa=authority.root) == []
    stamp.write_bytes(authority.answer(time_stamp_request(note + b"x")))
    assert closed.rules(time_stamp=stamp, tsa=authority.root) == ["time_stamp_must_verify"]


# --- the command ------------------------------------------------------------------------------


def test_it_runs_from_a_copy_of_two_folders(closed: Closed, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    for room in (audit, ledger):
        source = Path(str(room.__file__)).parent
        shutil.copytree(source, alone / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    key = tmp_path / "lake.vkey"
    key.write_text(KEY + "\n")
    command = [sys.executable, "-P", "-c", _ALONE.format(alone=str(alone))]
    given = [str(closed.path), "--key", str(key), "--files", str(closed.tables), "--json"]
    done = subprocess.run([*command, *given], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    said = json.loads(done.stdout)
    assert said["ok"] and said["sha256"] == closed.certificate.digest


# Imports of ours are allowed from the copy only, wherever this project is installed.
_ALONE = """
import runpy, sys
from importlib.abc import MetaPathFinder
class OnlyTheCopy(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in ("ingestion", "orchestration", "serving", "expectations", "tests", "benchmarks"):
            raise ImportError(name + " is not in the copy")
sys.meta_path.insert(0, OnlyTheCopy())
sys.path.insert(0, {alone!r})
import audit
assert audit.__file__.startswith({alone!r}), audit.__file__
sys.argv[0] = "audit.verify"
runpy.run_module("audit.verify", run_name="__main__", alter_sys=False)
"""


def test_exit_codes_tell_sound_from_wrong_from_misused(
    closed: Closed, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(closed.path), "--key", KEY]
    assert main([*given, "--files", str(closed.tables)]) == 0
    assert "not checked: the chain" not in capsys.readouterr().out
    assert main([*given, "--no-files"]) == 0
    assert "not checked: the Parquet files" in capsys.readouterr().out
    assert main([*given, "--period", "2011-04"]) == 1
    assert "BROKEN" in capsys.readouterr().out
    closed.path.with_suffix(".note").unlink()
    assert main(given) == 1
    assert "certificate_must_have_its_note" in capsys.readouterr().out
    assert main([str(closed.path) + "x", "--key", KEY]) == 2
    assert main([str(closed.path), "--key", "nonsense"]) == 2
    assert main([*given, "--files", str(closed.tables / "nowhere")]) == 2
    assert main([*given, "--time-stamp", "x"]) == 2


def test_a_certificate_is_believed_in_the_time_of_its_key_only(
    closed: Closed, tmp_path: Path
) -> None:
    at_us = closed.certificate.issued_at_us
    key = TrustedKey(name=LAKE.name, public_key=LAKE.verifier.public_key)
    in_time = replace(key, from_us=at_us, until_us=at_us + 1)
    assert closed.rules(keys=[in_time]) == []
    for other in (replace(key, from_us=at_us + 1), replace(key, until_us=at_us)):
        assert closed.rules(keys=[other]) == ["key_must_sign_in_its_time"]
    rule = "retired_key_needs_an_older_time_stamp"
    assert closed.rules(keys=[replace(key, retired_us=at_us + 1)]) == [rule]
    authority = authority_in(tmp_path / "tsa")
    stamp = tmp_path / "note.tsr"
    note = closed.path.with_suffix(".note").read_bytes()
    stamp.write_bytes(authority.answer(time_stamp_request(note)))
    stamped: dict[str, Any] = {"time_stamp": stamp, "tsa": authority.root}
    far_us = 4_000_000_000_000_000
    assert closed.rules(keys=[replace(key, retired_us=far_us)], **stamped) == []
    assert closed.rules(keys=[replace(key, retired_us=at_us + 1)], **stamped) == [rule]
