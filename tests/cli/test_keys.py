"""Keys are for their owner's eyes, are never overwritten, and follow each other with an overlap."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audit.checkpoint import origin_of
from audit.trusted_keys import TrustedKey, key_line, parse_key_line, read_keys, require_in_time
from ledger.errors import IncorrectInput
from orchestration import keys
from orchestration.home import Home

LAKE_ID = "0123456789abcdef" * 2
NOW_US = 1_767_319_200_000_000
DAY_US = 24 * keys.HOUR_US


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", "default")


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_keys_are_made_for_their_owner_only_whatever_the_mask(home: Home) -> None:
    before = os.umask(0)
    try:
        keys.lake_signer(home, LAKE_ID, now_us=NOW_US)
        keys.make_person_key(home, "ana")
    finally:
        os.umask(before)
    for folder in (home.keys, home.lake_keys, home.people_keys):
        assert _mode(folder) == 0o700
    assert _mode(home.lake_keys / "1.key") == _mode(home.people_keys / "ana.key") == 0o600
    assert not [path for path in home.keys.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("loose", ["1.key", "."])
def test_a_key_others_may_read_is_refused_with_the_remedy(home: Home, loose: str) -> None:
    keys.lake_signer(home, LAKE_ID, now_us=NOW_US)
    path = home.lake_keys / loose
    path.chmod(path.stat().st_mode | 0o040)
    with pytest.raises(IncorrectInput) as caught:
        keys.lake_signer(home, LAKE_ID, now_us=NOW_US)
    assert caught.value.rule == "key_must_be_readable_by_its_owner_only"
    assert "chmod" in caught.value.remedy and str(home.lake_keys) in caught.value.remedy


def test_the_lake_signs_with_one_key_until_it_is_rotated(home: Home) -> None:
    first = keys.lake_signer(home, LAKE_ID, now_us=NOW_US)
    assert first.name == origin_of(LAKE_ID)
    assert keys.lake_signer(home, LAKE_ID, now_us=NOW_US + 1) == first
    keys.rotate_lake_key(home, LAKE_ID, now_us=NOW_US + DAY_US)
    second = keys.lake_signer(home, LAKE_ID, now_us=NOW_US + DAY_US)
    assert second != first
    old, new = keys.lake_keys(home, LAKE_ID)
    assert (old.state, new.state) == ("verifies", "signs")
    assert old.public.until_us == NOW_US + 2 * DAY_US  # a day of overlap
    assert (old.public.from_us, new.public.from_us) == (None, NOW_US + DAY_US)


def test_a_rotation_that_broke_off_is_finished_and_not_done_twice(home: Home) -> None:
    keys.lake_signer(home, LAKE_ID, now_us=NOW_US)
    unbounded = (home.lake_keys / "1.vkey").read_bytes()
    keys.rotate_lake_key(home, LAKE_ID, now_us=NOW_US + 5)
    (home.lake_keys / "1.vkey").write_bytes(unbounded)
    assert keys.rotate_lake_key(home, LAKE_ID, now_us=NOW_US + 6).number == 2
    assert [one.state for one in keys.lake_keys(home, LAKE_ID)] == ["verifies", "signs"]


def test_a_private_key_without_its_public_half_is_left_alone(home: Home) -> None:
    keys.lake_signer(home, LAKE_ID, now_us=NOW_US)
    orphan = home.lake_keys / "2.key"
    orphan.write_text("left by a crash")
    assert keys.rotate_lake_key(home, LAKE_ID, now_us=NOW_US + 5).number == 3
    assert orphan.read_text() == "left by a crash"


def test_a_retired_key_loses_its_private_half_and_keeps_its_public_one(home: Home) -> None:
    keys.lake_signer(home, LAKE_ID, now_us=NOW_US)
    with pytest.raises(IncorrectInput):
        keys.retire_lake_key(home, LAKE_ID, 1, now_us=NOW_US)
    keys.rotate_lake_key(home, LAKE_ID, now_us=NOW_US + 5)
    keys.retire_lake_key(home, LAKE_ID, 1, now_us=NOW_US + 6)
    keys.retire_lake_key(home, LAKE_ID, 1, now_us=NOW_US + 9)  # again: nothing changes
    (old, _) = keys.lake_keys(home, LAKE_ID)
    assert (old.state, old.public.retired_us, old.path.exists()) == ("retired", NOW_US + 6, False)


def test_keys_of_two_lakes_in_one_home_are_told_apart(home: Home) -> None:
    mine = keys.lake_signer(home, LAKE_ID, now_us=NOW_US)
    other = keys.lake_signer(home, "f" * 32, now_us=NOW_US)
    assert mine != other
    assert [one.number for one in keys.lake_keys(home, "f" * 32)] == [2]


def test_a_person_has_one_key_and_may_get_a_new_one(home: Home) -> None:
    keys.make_person_key(home, "ana")
    first = keys.person_signer(home, "ana")
    with pytest.raises(IncorrectInput) as caught:
        keys.make_person_key(home, "ana")
    assert caught.value.rule == "key_must_not_be_overwritten"
    assert keys.person_signer(home, "ana") == first
    keys.rotate_person_key(home, "ana")
    assert keys.person_signer(home, "ana") != first
    assert [one.person for one in keys.person_keys(home)] == ["ana"]
    kept = home.people_keys / f"ana+{first.verifier.key_hash}.key"
    assert keys.person_signer(home, "ana", key_file=kept) == first


def test_a_key_of_another_person_or_no_key_is_refused(home: Home) -> None:
    keys.make_person_key(home, "ana")
    with pytest.raises(IncorrectInput) as caught:
        keys.person_signer(home, "ben", key_file=home.people_keys / "ana.key")
    assert caught.value.rule == "key_must_be_that_of_the_person"
    with pytest.raises(IncorrectInput) as caught:
        keys.person_signer(home, "ben")
    assert caught.value.rule == "key_must_be_there"
    for name in ("", "../ana", "a b", "a+b", "ana/..", ".ana"):
        with pytest.raises(IncorrectInput):
            keys.make_person_key(home, name)


def test_a_public_key_carries_its_time_in_one_line(home: Home) -> None:
    public = keys.rotate_lake_key(home, LAKE_ID, now_us=NOW_US).public
    key = TrustedKey(name=public.name, public_key=public.public_key, from_us=5, until_us=9)
    assert parse_key_line(key_line(key)) == key
    assert read_keys([key_line(key)]) == [key]
    for line in (f"{key_line(key)} until=9", f"{public.to_text()} since=4", f"{public.to_text()} "):
        with pytest.raises(IncorrectInput):
            parse_key_line(line)
    require_in_time(key, 5, thing="x")
    require_in_time(key, 8, thing="x")
    for at_us in (4, 9):
        with pytest.raises(IncorrectInput) as caught:
            require_in_time(key, at_us, thing="x")
        assert caught.value.rule == "key_must_sign_in_its_time"
