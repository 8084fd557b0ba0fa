"""The mutation matrix: whatever is done to certificate, note or files is found, every time."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.published_files import check_files
from audit.signed_note import Signer, sign_note
from ledger.errors import IncorrectInput
from tests.audit.certificates import LAKE, Closed, close_in, copy_of, write_tables

SEED = 20260711
SMALL_BYTES = 2_500
SAMPLED = 300


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Closed:
    return close_in(tmp_path_factory.mktemp("closed"))


@pytest.fixture
def closed(shelf: Closed, tmp_path: Path) -> Closed:
    return copy_of(shelf, tmp_path)


def _flips(data: bytes, *, sampled: bool = True) -> Iterator[tuple[int, bytes]]:
    """One bit flipped, at every position of a small file, at sampled ones of a larger."""
    draw = random.Random(SEED)
    positions = range(len(data))
    some = sampled and len(data) > SMALL_BYTES
    for at in draw.sample(positions, SAMPLED) if some else positions:
        yield at, data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]


def _file_problems(closed: Closed) -> list[IncorrectInput]:
    found: list[IncorrectInput] = []
    check_files(closed.certificate, closed.tables, shared=False, tell=found.append)
    return found


def test_any_flipped_byte_of_certificate_or_note_is_found(closed: Closed) -> None:
    for path in (closed.path, closed.path.with_suffix(".note")):
        sound = path.read_bytes()
        missed = []
        for at, altered in _flips(sound, sampled=False):
            path.write_bytes(altered)
            if closed.verify(files=None).ok:
                missed.append(at)
        path.write_bytes(sound)
        assert not missed, f"seed {SEED}: {path.name} at {missed}"
    assert closed.verify().ok


def test_any_flipped_byte_of_a_file_is_found(closed: Closed) -> None:
    small = 0
    for file in closed.certificate.files:
        path = closed.tables / file.path
        sound = path.read_bytes()
        small += len(sound) <= SMALL_BYTES
        missed = []
        for at, altered in _flips(sound):
            path.write_bytes(altered)
            # The whole verification at some positions, its part about files at every one.
            if closed.verify().ok if at % 100 == 0 else not _file_problems(closed):
                missed.append(at)
        path.write_bytes(sound)
        assert not missed, f"seed {SEED}: {file.path} at {missed}"
    assert 0 < small < len(closed.certificate.files)
    assert closed.verify().ok


def test_a_file_cut_short_or_made_longer_is_found(closed: Closed) -> None:
    paths = [closed.path, closed.path.with_suffix(".note")]
    paths += [closed.tables / file.path for file in closed.certificate.files]
    for path in paths:
        sound = path.read_bytes()
        for altered in (b"", sound[: len(sound) // 2], sound[:-1], sound[1:], sound + b"\n"):
            path.write_bytes(altered)
            assert not closed.verify().ok, (path, len(altered))
        path.write_bytes(sound)
    assert closed.verify().ok


def test_lines_of_the_note_in_another_order_or_left_out_are_found(closed: Closed) -> None:
    note = closed.path.with_suffix(".note")
    lines = note.read_text().splitlines(keepends=True)
    for at in range(len(lines)):
        note.write_text("".join(lines[:at] + lines[at + 1 :]))
        assert not closed.verify(files=None).ok, f"without line {at}"
    for at in range(len(lines) - 1):
        swapped = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
        note.write_text("".join(swapped))
        assert not closed.verify(files=None).ok, f"lines {at} and {at + 1} swapped"


def test_a_dropped_file_is_named(closed: Closed) -> None:
    for file in closed.certificate.files:
        path = closed.tables / file.path
        sound = path.read_bytes()
        path.unlink()
        (problem,) = closed.verify().problems
        assert (problem.rule, problem.thing) == ("file_must_be_there", file.path)
        path.write_bytes(sound)


def test_two_swapped_files_are_both_named(closed: Closed) -> None:
    files = closed.certificate.files
    for number, one in enumerate(files):
        for other in files[number + 1 :]:
            first, second = closed.tables / one.path, closed.tables / other.path
            swapped = (second.read_bytes(), first.read_bytes())
            first.write_bytes(swapped[0])
            second.write_bytes(swapped[1])
            assert {p.thing for p in closed.verify().problems} == {one.path, other.path}
            first.write_bytes(swapped[1])
            second.write_bytes(swapped[0])
    assert closed.verify().ok


def test_a_stray_file_is_named_unless_the_folder_is_shared(closed: Closed) -> None:
    stray = closed.tables / "period_sales" / "all" / "more.parquet"
    shutil.copy(closed.tables / closed.certificate.files[0].path, stray)
    (problem,) = closed.verify().problems
    assert problem.rule == "folder_must_hold_only_the_files_of_the_edition"
    assert problem.thing == "period_sales/all/more.parquet"
    assert closed.verify(shared=True).ok


def test_a_link_in_place_of_a_folder_is_a_stray(closed: Closed, tmp_path: Path) -> None:
    write_tables(tmp_path / "elsewhere")
    (closed.tables / "more").symlink_to(tmp_path / "elsewhere")
    assert "folder_must_hold_only_the_files_of_the_edition" in closed.rules()


def test_an_old_certificate_in_the_place_of_the_new_one_is_found(
    closed: Closed,
) -> None:
    """Restored from a copy, sound in itself: the name, the edition asked for and the files tell."""
    new = closed.path.with_name("2011-03.edition-2.json")
    for suffix in (".json", ".note"):
        shutil.copy(closed.path.with_suffix(suffix), new.with_suffix(suffix))
    assert not Closed(new, closed.tables, closed.certificate).verify().ok
    assert not closed.verify(period_id="2011-03", closed_edition=2).ok
    shutil.rmtree(closed.tables)
    write_tables(closed.tables)
    newest = closed.tables / closed.certificate.files[0].path
    newest.rename(newest.with_name(f"{'0' * 64}.parquet"))
    assert not closed.verify().ok


def test_a_signature_of_any_other_key_is_found(closed: Closed) -> None:
    draw = random.Random(SEED)
    note = closed.path.with_suffix(".note")
    text = note.read_text().partition("\n\n")[0] + "\n"
    for name in (LAKE.name, "ana", "ledgerlake/" + "0" * 32):
        other = Signer(name=name, seed=draw.randbytes(32))
        note.write_text(sign_note(text, [other]))
        assert not closed.verify().ok
        if name != LAKE.name:  # a key given as this lake's would be believed
            assert not closed.verify(keys=[LAKE.verifier, other.verifier]).ok
