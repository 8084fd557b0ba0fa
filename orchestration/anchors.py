"""Sending the lake's signed head away, and asking an authority for a time stamp.

Holds the two ways out: a folder and HTTP. What a head is and how it is checked is `audit.anchor`'s.
Called by `ledgerlake anchor`, `time-stamp` and `verify --anchors`.
"""

import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit.anchor import LakeHead, first_anchor_problem, head_at, open_head, sign_head
from audit.findings import Problem
from audit.signed_note import Verifier
from audit.time_stamp import stamped_at, time_stamp_request
from audit.trusted_keys import TrustedKey
from ingestion.lake import Lake
from ledger.errors import IncorrectInput, InternalFault
from orchestration.home import Home
from orchestration.keys import lake_keys, lake_signer
from orchestration.publish.edition import replace_durably, sync_folder

NOTE_TYPE = "text/plain; charset=utf-8"
QUESTION_TYPE, ANSWER_TYPE = "application/timestamp-query", "application/timestamp-reply"

LARGEST_ANSWER_BYTES = 1 << 20
"""A time stamp with its chain has about 6 kB; more is no time stamp."""


@dataclass(frozen=True, kw_only=True)
class Anchored:
    """What was sent. `sent` is False when the folder held this very head already."""

    lake_id: str
    commit_seq: int
    commit_sha256: str
    tree_size: int
    to: str
    sent: bool
    note: str


def anchor_head(home: Home, to: str, *, now_us: int, timeout_s: float = 30) -> Anchored:
    """Sign the newest commit and write it into a folder, or POST it to a URL.

    A folder with a head that the lake does not hold is refused: it would hide a cut log.
    """
    lake = Lake.open(home.lake, home.index)
    try:
        head = head_at(home.lake, lake.head.seq)
    finally:
        lake.close()
    note = sign_head(head, lake_signer(home, head.lake_id, now_us=now_us))
    if to.startswith(("http://", "https://")):
        _post(to, note.encode(), NOTE_TYPE, timeout_s)
        sent = True
    else:
        sent = _write(home, Path(to), head, note)
    return Anchored(
        lake_id=head.lake_id,
        commit_seq=head.seq,
        commit_sha256=head.sha256,
        tree_size=head.tree_size,
        to=to,
        sent=sent,
        note=note,
    )


def anchors_problem(
    home: Home, anchors_dir: Path, keys: Sequence[TrustedKey] = ()
) -> Problem | None:
    """What the heads in a folder say against the lake; by `keys`, or the lake's own."""
    _require_folder(anchors_dir)
    return first_anchor_problem(home.lake, anchors_dir, keys or public_keys(home))


def public_keys(home: Home) -> list[Verifier]:
    """All public keys of the lake of this home."""
    return [one.public for one in lake_keys(home, lake_id_of(home))]


def lake_id_of(home: Home) -> str:
    """The id of the home's lake. IncorrectInput if there is none."""
    try:
        return head_at(home.lake, 0).lake_id
    except FileNotFoundError:
        raise IncorrectInput(
            "lake_must_exist",
            thing=f"home {home.root}, tenant {home.tenant}",
            expected="a lake",
            found="none",
            remedy="Run `ledgerlake init` first, or set LEDGERLAKE_HOME to the home that has one.",
        ) from None


def time_stamp(
    note: Path, *, authority: str, roots: Path, timeout_s: float = 30
) -> tuple[Path, datetime]:
    """Ask an RFC 3161 authority to stamp a file; the answer, once checked, lies beside it.

    Returns where, and the time stamped.
    """
    data, pem = note.read_bytes(), roots.read_bytes()
    request = time_stamp_request(data)
    answer = _post(authority, request, QUESTION_TYPE, timeout_s)
    at = stamped_at(data, answer, pem)
    path = note.with_name(f"{note.name}.tsr")
    replace_durably(path, answer)
    return path, at


def _write(home: Home, folder: Path, head: LakeHead, note: str) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / head.file_name
    known = any(folder.glob(f"{head.lake_id}-*"))
    problem = first_anchor_problem(home.lake, folder, public_keys(home)) if known else None
    if problem is not None:
        raise InternalFault(
            problem.rule,
            thing=f"lake {head.lake_id} against {folder}",
            expected=problem.expected,
            found=problem.found,
            remedy=f"Nothing was written. {problem.what_to_do}",
        )
    if path.exists() and open_head(path.read_bytes(), public_keys(home)) == head:
        return False
    replace_durably(path, note.encode())
    sync_folder(folder)
    return True


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise IncorrectInput(
            "anchors_folder_must_be_there",
            thing=f"folder {folder}",
            expected="a folder of heads",
            found="no folder",
            remedy="Write one with `ledgerlake anchor --to DIR`.",
        )


def _post(url: str, data: bytes, content_type: str, timeout_s: float) -> bytes:
    """The body of a 2xx answer."""
    if not url.startswith(("http://", "https://")):
        raise _unreachable(url, "an address that is not http:// or https://")
    request = urllib.request.Request(url, data=data, headers={"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            body: bytes = answer.read(LARGEST_ANSWER_BYTES + 1)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the answer's socket
        raise _unreachable(url, str(error)) from None
    if len(body) > LARGEST_ANSWER_BYTES:
        raise _unreachable(url, f"an answer of more than {LARGEST_ANSWER_BYTES} bytes")
    return body


def _unreachable(url: str, found: str) -> IncorrectInput:
    return IncorrectInput(
        "address_must_take_what_is_sent",
        thing=f"address {url}",
        expected="an answer 200 to 299 to a POST",
        found=found,
        remedy="Check the address and run it again; sending the same head twice does no harm.",
    )
