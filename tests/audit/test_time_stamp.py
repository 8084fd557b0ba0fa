"""A note stamped by a real RFC 3161 authority verifies; anything else is told apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit.time_stamp import stamped_at, time_stamp_request
from ledger.errors import IncorrectInput
from tests.audit.time_authority import TimeAuthority, authority_in

NOTE = b"ledgerlake/x\n1\n\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TimeAuthority:
    return authority_in(tmp_path_factory.mktemp("authority") / "tsa")


def test_a_stamp_tells_when_the_note_was_there(authority: TimeAuthority) -> None:
    answer = authority.answer(time_stamp_request(NOTE))
    at = stamped_at(NOTE, answer, authority.root.read_bytes())
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=2)


def test_a_stamp_of_other_bytes_or_of_another_authority_is_refused(
    authority: TimeAuthority, tmp_path: Path
) -> None:
    answer = authority.answer(time_stamp_request(NOTE))
    root = authority.root.read_bytes()
    other = authority_in(tmp_path / "other", "Other authority")
    broken = bytearray(answer)
    broken[-1] ^= 1
    for data, given, roots in (
        (NOTE + b"x", answer, root),
        (NOTE, answer, other.root.read_bytes()),
        (NOTE, bytes(broken), root),
        (NOTE, b"", root),
        (NOTE, answer, b"no certificate"),
    ):
        with pytest.raises(IncorrectInput) as caught:
            stamped_at(data, given, roots)
        assert caught.value.rule == "time_stamp_must_verify"


def test_a_refusal_of_the_authority_is_no_stamp(authority: TimeAuthority) -> None:
    refusal = authority.answer(b"no question")
    with pytest.raises(IncorrectInput):
        stamped_at(NOTE, refusal, authority.root.read_bytes())
