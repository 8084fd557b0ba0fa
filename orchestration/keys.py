"""The keys of a home: lake keys that sign certificates and heads, and people's keys.

Holds making, reading, rotating and retiring them, and who on this machine may look at them: folders
0700, files 0600, anything looser is refused. Does not sign. Called by the close, `people`, `anchor`
and `keys`. What a lake knows of people's keys is in the lake (`PersonAdded`).
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from audit.checkpoint import origin_of
from audit.signed_note import KEY_BYTES, Signer
from audit.trusted_keys import TrustedKey, key_line, parse_key_line
from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.publish.edition import replace_durably, sync_folder

FOLDER_MODE, FILE_MODE = 0o700, 0o600

OVERLAP_HOURS = 24
"""How long an old lake key may still sign after a rotation: a close that runs meanwhile ends with
the key it began with. A close takes minutes; a day leaves room to resume one that broke off."""

HOUR_US = 3_600_000_000
_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")


@dataclass(frozen=True, kw_only=True)
class LakeKey:
    """One key of the lake, by number; the newest that is not retired signs."""

    number: int
    public: TrustedKey
    path: Path

    @property
    def state(self) -> str:
        if self.public.retired_us is not None:
            return "retired"
        return "signs" if self.public.until_us is None else "verifies"


@dataclass(frozen=True, kw_only=True)
class PersonKey:
    """A person's key on this machine."""

    person: str
    public: TrustedKey
    path: Path


def lake_keys(home: Home, lake_id: str) -> list[LakeKey]:
    """All keys of this lake, oldest first."""
    return sorted(_lake_keys(home, lake_id), key=lambda one: one.number)


def lake_signer(home: Home, lake_id: str, *, now_us: int) -> Signer:
    """The private key that signs for this lake now; the first is made when there is none."""
    signing = [one for one in lake_keys(home, lake_id) if one.state == "signs"]
    key = signing[-1] if signing else rotate_lake_key(home, lake_id, now_us=now_us)
    return _read_private(key.path)


def rotate_lake_key(
    home: Home, lake_id: str, *, now_us: int, overlap_hours: int = OVERLAP_HOURS
) -> LakeKey:
    """A new key signs from now on; older ones may for `overlap_hours` more, then only verify.

    Broken off between the two, the old one is bounded when it is run again.
    """
    before = [one for one in lake_keys(home, lake_id) if one.state == "signs"]
    made = before.pop() if len(before) > 1 else _make_lake_key(home, lake_id, now_us)
    for one in before:
        until = (made.public.from_us or now_us) + overlap_hours * HOUR_US
        _write_public(one.path, replace(one.public, until_us=until))
    return made


def retire_lake_key(home: Home, lake_id: str, number: int, *, now_us: int) -> LakeKey:
    """Believe a key no more, as when it was stolen: its private file goes, its public one stays."""
    key = next((one for one in lake_keys(home, lake_id) if one.number == number), None)
    if key is None or key.state == "signs":
        raise IncorrectInput(
            "key_must_be_superseded_before_it_is_retired",
            thing=f"lake key {number}",
            expected="a key that another one has followed",
            found="no such key" if key is None else "the key that signs now",
            remedy="`ledgerlake keys list` shows them; `ledgerlake keys rotate` makes the next.",
        )
    if key.state == "verifies":
        key = replace(key, public=replace(key.public, retired_us=now_us))
        _write_public(key.path, key.public)
    key.path.unlink(missing_ok=True)
    sync_folder(key.path.parent)
    return key


def person_keys(home: Home) -> list[PersonKey]:
    """Keys of people on this machine, by name."""
    folder = home.people_keys
    paths = sorted(folder.glob("*.vkey")) if folder.is_dir() else []
    return [
        PersonKey(person=path.stem, public=_read_public(path), path=path.with_suffix(".key"))
        for path in paths
        if "+" not in path.stem  # a key replaced by a newer one
    ]


def make_person_key(home: Home, person: str) -> PersonKey:
    """A new key for a person; IncorrectInput if there is one (`rotate_person_key` replaces it)."""
    require_person_name(person)
    path = _folder(home, home.people_keys) / f"{person}.key"
    signer = Signer(name=person, seed=os.urandom(KEY_BYTES))
    _create_private(path, signer)
    return PersonKey(person=person, public=_write_new_public(path, signer, None), path=path)


def rotate_person_key(home: Home, person: str) -> PersonKey:
    """A new key in the place of the old one, which is kept under its hash."""
    require_person_name(person)
    path = home.people_keys / f"{person}.key"
    if path.exists():
        old = _read_private(path).verifier.key_hash
        for suffix in (".key", ".vkey"):
            path.with_suffix(suffix).replace(path.with_name(f"{person}+{old}{suffix}"))
    return make_person_key(home, person)


def person_signer(home: Home, person: str, *, key_file: Path | None = None) -> Signer:
    """The private key of a person, from the home or from `key_file`."""
    require_person_name(person)
    signer = _read_private(key_file or home.people_keys / f"{person}.key")
    if signer.name != person:
        raise IncorrectInput(
            "key_must_be_that_of_the_person",
            thing=f"key file {key_file}",
            expected=f"the key of {person}",
            found=f"the key of {signer.name}",
            remedy="Give --as the name in the key, or --key the right file.",
        )
    return signer


def require_person_name(person: str) -> None:
    """IncorrectInput if a person may not be called so: the name is in files and signatures."""
    if not _PERSON.fullmatch(person):
        raise IncorrectInput(
            "person_name_must_be_plain",
            thing=f"person {person!r}",
            expected="letters, digits, '.', '_', '@' and '-', at most 63",
            found=person,
            remedy="Choose a plain name, as ana or ana@example.org.",
        )


def _lake_keys(home: Home, lake_id: str) -> Iterator[LakeKey]:
    for path in home.lake_keys.glob("*.vkey") if home.lake_keys.is_dir() else ():
        public = _read_public(path)
        if path.stem.isdigit() and public.name == origin_of(lake_id):
            yield LakeKey(number=int(path.stem), public=public, path=path.with_suffix(".key"))


def _make_lake_key(home: Home, lake_id: str, now_us: int) -> LakeKey:
    folder = _folder(home, home.lake_keys)
    signer = Signer(name=origin_of(lake_id), seed=os.urandom(KEY_BYTES))
    taken = [int(path.stem) for path in folder.glob("*.key") if path.stem.isdigit()]
    taken += [int(path.stem) for path in folder.glob("*.vkey") if path.stem.isdigit()]
    number = max(taken, default=0) + 1
    path = folder / f"{number}.key"
    _create_private(path, signer)
    # The first key has no beginning: a lake's history may be imported and closed in its own time.
    public = _write_new_public(path, signer, now_us if lake_keys(home, lake_id) else None)
    return LakeKey(number=number, public=public, path=path)


def _write_new_public(path: Path, signer: Signer, from_us: int | None) -> TrustedKey:
    verifier = signer.verifier
    public = TrustedKey(name=verifier.name, public_key=verifier.public_key, from_us=from_us)
    _write_public(path, public)
    return public


def _write_public(path: Path, public: TrustedKey) -> None:
    replace_durably(path.with_suffix(".vkey"), f"{key_line(public)}\n".encode())


def _read_public(path: Path) -> TrustedKey:
    return parse_key_line(path.read_text(encoding="utf-8").strip())


def _create_private(path: Path, signer: Signer) -> None:
    """Written whole under another name first: a key file is never half there, never replaced."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        os.fchmod(fd, FILE_MODE)  # the process's mask may have taken away the owner's rights
        os.write(fd, f"{signer.to_text()}\n".encode())
        os.fsync(fd)
    finally:
        os.close(fd)
    try:
        os.link(aside, path)
    except FileExistsError:
        raise IncorrectInput(
            "key_must_not_be_overwritten",
            thing=f"key file {path}",
            expected="no key of this name yet",
            found="one",
            remedy="`ledgerlake keys rotate` makes a new one and keeps the old.",
        ) from None
    finally:
        aside.unlink()
        sync_folder(path.parent)


def _read_private(path: Path) -> Signer:
    try:
        _require_tight(path.parent, FOLDER_MODE)
        _require_tight(path, FILE_MODE)
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise IncorrectInput(
            "key_must_be_there",
            thing=f"key file {path}",
            expected="the private key",
            found="no such file",
            remedy="`ledgerlake keys list` shows the keys there are.",
        ) from None
    except UnicodeDecodeError:
        text = ""
    return Signer.from_text(text.strip())


def _require_tight(path: Path, mode: int) -> None:
    """Nobody but the owner may read a private key or change its folder."""
    found = stat.S_IMODE(path.stat().st_mode)
    if found & ~mode:
        raise IncorrectInput(
            "key_must_be_readable_by_its_owner_only",
            thing=f"{'folder' if mode == FOLDER_MODE else 'key file'} {path}",
            expected=f"permissions {mode:04o} or tighter",
            found=f"{found:04o}",
            remedy=f"chmod {mode:o} {path}, and rotate the key if others may have read it.",
        )


def _folder(home: Home, folder: Path) -> Path:
    """The folder, made if it is not there, readable by its owner only."""
    for one in (home.keys, folder):
        if not one.is_dir():
            one.mkdir(parents=True, mode=FOLDER_MODE)
            one.chmod(FOLDER_MODE)
            sync_folder(one.parent)
        _require_tight(one, FOLDER_MODE)
    return folder
