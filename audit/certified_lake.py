"""A certificate against the lake it was made from: commits, people, statements, the close.

Holds the checks that need the lake's folder. Reads only. Called by `audit.verify --lake`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import polars as pl

from audit.certificate import Certificate
from audit.commit_file import CommitFile, read_commit
from audit.findings import Broken
from audit.lake_report import Report
from audit.signed_note import Verifier
from audit.statement import Statement, open_with_key
from audit.strays import LOG
from audit.verify_lake import verify_lake
from ledger.errors import IncorrectInput
from ledger.statement_times import untimely

_ADDED: Final = "PersonAdded"
_PEOPLE: Final = (_ADDED, "PersonRemoved")
_ASKED: Final = ("ActionRequested", "ActionApproved")

_Event: TypeAlias = tuple[int, str, dict[str, Any]]
_Events: TypeAlias = list[_Event]
_LOOKED_AT: Final = (*_PEOPLE, *_ASKED, "PeriodClosed")


class VerifiedLake:
    """A lake found to be whole, to hold any number of certificates against.

    IncorrectInput if it is not; NotADirectoryError if there is no lake.
    """

    def __init__(self, lake_dir: Path, report: Report | None = None) -> None:
        """`report`: of a verification just made."""
        report = report or verify_lake(lake_dir)
        if report.first_problem or report.head is None:
            raise _problem("lake_must_verify", "a lake that verifies", str(report.first_problem))
        self._lake_dir = lake_dir
        self._commits = [_commit(lake_dir, seq) for seq in range(report.head.seq + 1)]
        self._events = list(_control_events(lake_dir, self._commits))

    def require(self, certificate: Certificate, digest: str) -> None:
        """It holds the certificate's commits, people and close. IncorrectInput says what not."""
        made_from, cut_off = certificate.checkpoint, certificate.cut_off
        newest = len(self._commits) - 1
        if max(made_from.commit_seq, cut_off.commit_seq) > newest:
            expected = f"commit {max(made_from.commit_seq, cut_off.commit_seq)}"
            raise _problem("lake_must_verify", expected, f"commits up to {newest}")
        _require_same(
            "lake_must_verify",
            f"commit {made_from.commit_seq} of SHA-256 {made_from.commit_sha256}",
            f"commit {made_from.commit_seq} of SHA-256"
            f" {commit_sha256(self._lake_dir, made_from.commit_seq)}",
        )
        at = self._commits[made_from.commit_seq]
        _require_same(
            "lake_must_hold_the_checkpoint",
            (certificate.lake_id, made_from.tree_size, made_from.tree_root),
            (at.lake_id, at.tree_size, at.tree_root),
        )
        _require_same(
            "lake_must_hold_the_cut_off",
            cut_off.ingest_time_us,
            self._commits[cut_off.commit_seq].ingest_time_us,
        )
        _require_people_and_close(certificate, digest, self._events)
        _require_statements(certificate, self._commits, self._events)


def commit_sha256(lake_dir: Path, seq: int) -> str:
    """SHA-256 of the bytes of a commit file, hex."""
    return hashlib.sha256(_commit_path(lake_dir, seq).read_bytes()).hexdigest()


def _require_people_and_close(certificate: Certificate, digest: str, events: _Events) -> None:
    added = {
        (said["person"], said["verifier_key"], tuple(said["roles"]))
        for _, kind, said in events
        if kind == _ADDED
    }
    for person in certificate.people:
        if (person.person, person.verifier_key, person.roles) not in added:
            raise _problem(
                "person_must_be_known_to_the_lake",
                f"{person.person} with key {person.verifier_key} as {', '.join(person.roles)}",
                f"{sorted(added)}",
            )
    closes = [
        said["certificate_sha256"]
        for _, kind, said in events
        if kind == "PeriodClosed"
        and said["period_id"] == certificate.period.period_id
        and said["closed_edition"] == certificate.closed_edition
    ]
    if closes != [digest]:
        raise _problem(
            "lake_must_hold_the_close",
            f"PeriodClosed of {certificate.stem} with certificate {digest}",
            f"{closes or 'none'}",
        )


def _require_statements(
    certificate: Certificate, commits: list[CommitFile], events: _Events
) -> None:
    """Each was recorded, when it says, while its person was there with the key that signed it."""
    verifiers = [Verifier.from_text(one.verifier_key) for one in certificate.people]
    recorded = {said["statement"]: seq for seq, kind, said in events if kind in _ASKED}
    people = [one for one in events if one[1] in _PEOPLE]
    for note in certificate.approvals:
        said, key_id = open_with_key(note, verifiers)
        thing = f"statement of {said.person} as {said.role} on {said.action} {said.request_id}"
        seq = recorded.get(note)
        if seq is None:
            raise _problem("statement_must_be_recorded_in_the_lake", thing, "no such statement")
        added = _added(people, said, key_id, seq)
        at_us = commits[seq].ingest_time_us
        for one in untimely(
            said.at_us,
            latest_us=at_us,
            recorded_us=at_us,
            added_us=commits[added].ingest_time_us,
        ):
            raise _problem(one.rule, f"{thing}: {one.expected}", one.found)


def _added(people: _Events, said: Statement, key_id: str, until: int) -> int:
    """The commit that added the person, who was there at commit `until` with this key and role."""
    person = said.person
    found = [one for one in people if one[2]["person"] == person and one[0] <= until]
    seq, kind, values = found[-1] if found else (-1, "nobody", {})
    key = Verifier.from_text(values["verifier_key"]).key_id if kind == _ADDED else kind
    if key != key_id:
        raise _problem(
            "person_must_be_active", f"{person} with key {key_id} at commit {until}", key
        )
    if said.role not in values["roles"]:
        roles = ", ".join(values["roles"])
        raise _problem("person_must_have_role", f"{person} as {said.role} at {until}", roles)
    return seq


def _control_events(lake_dir: Path, commits: list[CommitFile]) -> Iterator[_Event]:
    """(commit, type, payload) of all control events, in order."""
    for commit in commits:
        for segment in commit.segments:
            if segment.family == "control":
                rows = pl.read_parquet(lake_dir / segment.path, columns=["event_type", "payload"])
                found = rows.filter(pl.col("event_type").is_in(_LOOKED_AT))
                for kind, payload in found.iter_rows():
                    yield commit.seq, kind, json.loads(payload)


def _commit(lake_dir: Path, seq: int) -> CommitFile:
    try:
        return read_commit(_commit_path(lake_dir, seq).read_bytes(), seq)
    except Broken as found:
        raise _problem("lake_must_verify", "a lake that verifies", str(found)) from None


def _commit_path(lake_dir: Path, seq: int) -> Path:
    return lake_dir / LOG / f"{seq:020d}.json"


def _require_same(rule: str, expected: object, found: object) -> None:
    if expected != found:
        raise _problem(rule, str(expected), str(found))


def _problem(rule: str, expected: str, found: str) -> IncorrectInput:
    return IncorrectInput(
        rule,
        thing="lake of the certificate",
        expected=expected,
        found=found,
        remedy="This is another lake, or it was altered since: compare with a copy.",
    )
