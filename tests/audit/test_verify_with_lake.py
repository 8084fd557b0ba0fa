"""`python -m audit.verify CERTIFICATE --lake DIR`: held against the folder of the lake alone.

The folder holds segments and log, no index and no warehouse; everything else was left behind.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from audit.certificate import Certificate, CutOff, LakeCheckpoint
from audit.signed_note import Signer
from audit.verify import main
from ingestion.control.write import append_control
from ingestion.lake import Lake
from ledger import control_events as ev
from ledger.statement_times import LONGEST_WAIT_US, SKEW_US
from tests.audit.certificates import (
    ANA,
    BEN,
    CLOSE_SUBJECT,
    LAKE,
    LAKE_ID,
    NOON_US,
    Closed,
    close_in,
    copy_of,
    person,
    statements,
)
from tests.audit.lakes import commit_file, flip, segment_of
from tests.control.forger import Forger
from tests.events import batch, sales

KEY = LAKE.verifier.to_text()
PEOPLE = (person(ANA, "requester"), person(BEN, "approver", "requester"))
MINUTE_US = 60_000_000


@dataclass(frozen=True)
class Kept:
    """A certificate, and the lake's folder it was made from."""

    closed: Closed
    lake: Path

    def verify(self, *more: str) -> int:
        given = [str(self.closed.path), "--key", KEY, "--lake", str(self.lake)]
        return main([*given, *more])


def closing(**moments: int) -> tuple[str, str]:
    """Asked for ten minutes before noon and approved at noon, if nothing else is said."""
    return statements(
        "close_period",
        CLOSE_SUBJECT,
        number=2,
        approved_subject={**CLOSE_SUBJECT, "acknowledged": []},
        **{"asked_us": NOON_US - 10 * MINUTE_US, "approved_us": NOON_US, **moments},
    )


def closed_lake(
    folder: Path,
    shelf: Closed,
    *,
    kind: type[Lake] = Lake,
    said: tuple[str, str] | None = None,
    before: Sequence[ev.ControlEvent] = (),
    alter: Callable[[Certificate], Certificate] = lambda one: one,
) -> Kept:
    """People, sales, a request, ten minutes later its approval and the seal; the certificate; the
    close; more sales. A Forger's lake takes what no choke point would."""
    now = [NOON_US - 10 * MINUTE_US]
    lake = kind.create(folder / "lake", folder / "index", lake_id=LAKE_ID, now=lambda: now[0])
    request, approval = said or closing()
    names = {"request_id": f"{2:032x}", "action": "close_period"}
    append_control(lake, [_added(one) for one in PEOPLE], now_us=NOON_US)
    lake.append(batch(sales(0, 20)))
    for event in (*before, ev.ActionRequested(**names, statement=request)):
        append_control(lake, [event], now_us=NOON_US)
    now[0] = NOON_US
    seal = ev.PeriodSoftClosed(period_id="2011-03", sealed=True, reason="close")
    approved = ev.ActionApproved(**names, statement=approval)
    append_control(lake, [approved, seal], now_us=NOON_US)
    certificate = alter(_certificate(shelf.certificate, lake, (request, approval)))
    done = ev.PeriodClosed(
        period_id="2011-03",
        run_id=certificate.run_id,
        closed_edition=1,
        published_edition=4,
        cut_off_commit=certificate.cut_off.commit_seq,
        certificate_sha256=certificate.digest,
        request_id=names["request_id"],
        controls=(),
    )
    append_control(lake, [done], now_us=NOON_US)
    lake.append(batch(sales(20, 20)))
    lake.close()
    shutil.rmtree(folder / "index")
    return Kept(copy_of(shelf, folder).issue(certificate), folder / "lake")


def _added(one: object) -> ev.PersonAdded:
    return ev.PersonAdded(**vars(one), request_id=None)


def _certificate(like: Certificate, lake: Lake, notes: tuple[str, str]) -> Certificate:
    head = lake.head
    return replace(
        like,
        cut_off=CutOff(commit_seq=head.seq, ingest_time_us=head.ingest_time_us),
        checkpoint=LakeCheckpoint(
            origin=LAKE.name,
            tree_size=head.tree_size,
            tree_root=head.tree_root,
            commit_seq=head.seq,
            commit_sha256=head.commit_sha256,
        ),
        approvals=notes,
        exceptions=(),
        people=PEOPLE,
    )


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Closed:
    return close_in(tmp_path_factory.mktemp("closed"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, shelf: Closed) -> Kept:
    """Only to be read."""
    return closed_lake(tmp_path_factory.mktemp("sound"), shelf)


@pytest.fixture
def kept(tmp_path: Path, sound: Kept) -> Kept:
    """A copy to be broken."""
    shutil.copytree(sound.lake, tmp_path / "lake")
    return Kept(copy_of(sound.closed, tmp_path), tmp_path / "lake")


def rules(kept: Kept, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is wrong, as the command says it in JSON with exit code 1."""
    assert kept.verify("--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert not said["ok"]
    return [one["rule"] for one in said["problems"]]


def test_a_sound_lake_holds_what_the_certificate_says(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kept.verify("--files", str(kept.closed.tables)) == 0
    assert "ok     the lake holds what the certificate was made from" in capsys.readouterr().out
    assert kept.verify("--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] and said["problems"] == []
    assert said["checks"][-1] == {
        "name": "the lake holds what the certificate was made from",
        "ok": True,
    }
    assert said["not_checked"] == ["the Parquet files and the figures in them (--files DIR)"]


def test_it_needs_the_folder_the_certificate_and_the_key_alone(kept: Kept) -> None:
    given = [str(kept.closed.path), "--key", KEY, "--lake", str(kept.lake)]
    command = [sys.executable, "-m", "audit.verify", *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize(("seq", "family"), [(2, "sales"), (1, "control"), (6, "sales")])
def test_a_flipped_bit_of_a_segment_is_named(
    kept: Kept, seq: int, family: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = segment_of(kept.lake, seq, family)
    flip(path, 8 * (path.stat().st_size // 2))
    assert kept.verify() == 1
    told = capsys.readouterr().out
    assert "lake_must_verify" in told and path.name in told


def test_a_lost_segment_is_named(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    segment_of(kept.lake, 2).unlink()
    assert rules(kept, capsys) == ["lake_must_verify"]


@pytest.mark.parametrize(
    ("last", "rule"),
    [(6, None), (5, None), (4, "lake_must_hold_the_close"), (3, "lake_must_verify")],
)
def test_a_tail_cut_off_is_found_back_to_the_close_itself(
    kept: Kept, last: int, rule: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cut with its segments, so that nothing lies behind the log's end. Commit 4 is the cut-off,
    5 the close; what came later only a head noted elsewhere finds (`audit.verify_lake --head`)."""
    for seq in range(last + 1, 7):
        commit_file(kept.lake, seq).unlink()
        for path in kept.lake.glob(f"family=*/*/{seq:020d}-*"):
            path.unlink()
    if rule is None:
        assert kept.verify() == 0
    else:
        assert rules(kept, capsys) == [rule]


def test_another_lake_of_the_same_sales_is_not_the_one(
    kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Lake.create(tmp_path / "other", tmp_path / "other-index", now=lambda: NOON_US)
    other.append(batch(sales(0, 20)))
    other.close()
    assert rules(replace(kept, lake=tmp_path / "other"), capsys) == ["lake_must_verify"]


def test_a_folder_that_is_no_lake_is_wrong_use(
    kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (tmp_path / "nowhere", kept.closed.tables):
        assert replace(kept, lake=folder).verify("--json") == 2
        said = capsys.readouterr()
        assert said.out == "" and str(folder) in said.err and "_delta_log" in said.err


EVE = Signer(name="eve", seed=bytes(range(9, 41)))


def test_people_and_statements_are_those_the_lake_recorded(
    tmp_path: Path, shelf: Closed, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = closed_lake(
        tmp_path / "1",
        shelf,
        alter=lambda one: replace(one, people=(*PEOPLE, person(EVE, "approver"))),
    )
    assert rules(stranger, capsys) == ["person_must_be_known_to_the_lake"]
    resigned = closing(approved_us=NOON_US + 9)
    unrecorded = closed_lake(
        tmp_path / "2", shelf, alter=lambda one: replace(one, approvals=(closing()[0], resigned[1]))
    )
    assert rules(unrecorded, capsys) == ["statement_must_be_recorded_in_the_lake"]


@pytest.mark.parametrize(
    ("asked_us", "rule"),
    [
        (NOON_US - 10 * MINUTE_US + SKEW_US, None),
        (NOON_US - SKEW_US + MINUTE_US, "statement_must_not_be_signed_in_the_future"),
        (NOON_US - 10 * MINUTE_US - SKEW_US - MINUTE_US, "statement_must_be_signed_after_its"),
        (NOON_US - LONGEST_WAIT_US - 11 * MINUTE_US, "statement_must_be_recorded_within_7_days"),
    ],
)
def test_a_request_written_past_the_choke_point_is_held_against_the_clock_of_its_commit(
    tmp_path: Path,
    shelf: Closed,
    asked_us: int,
    rule: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its commit lies ten minutes before the cut-off, right after the people were added."""
    said = closing(asked_us=asked_us, approved_us=NOON_US)
    kept = closed_lake(tmp_path, shelf, kind=Forger, said=said)
    if rule is None:
        assert kept.verify() == 0
    else:
        (found,) = rules(kept, capsys)
        assert found.startswith(rule)


def test_roles_count_as_they_were_when_the_statement_was_recorded(
    tmp_path: Path, shelf: Closed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ben came back with his key and as an auditor; that he approved before counts no more."""
    gone = ev.PersonRemoved(person="ben", request_id="e" * 32)
    back = ev.PersonAdded(
        person="ben",
        verifier_key=BEN.verifier.to_text(),
        roles=("auditor",),
        request_id="f" * 32,
    )
    kept = closed_lake(tmp_path, shelf, kind=Forger, before=[gone, back])
    assert rules(kept, capsys) == ["person_must_have_role"]


def test_who_was_removed_by_then_signed_nothing_that_counts(
    tmp_path: Path, shelf: Closed, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = ev.PersonRemoved(person="ana", request_id="f" * 32)
    kept = closed_lake(tmp_path, shelf, kind=Forger, before=[gone])
    assert rules(kept, capsys) == ["person_must_be_active"]
