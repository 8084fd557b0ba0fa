"""People, and what they ask for and approve: four eyes as records.

Holds `Person`, `Statement`, `Request`, `Decision`. Does not verify signatures (`audit` does) or
check rules (`ledger.rules`). Called by `ledger.books`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

ROLES = ("requester", "approver", "auditor")
ACTIONS = (
    "decide_exceptions",
    "reopen_period",
    "grant_lock_exception",
    "close_period",
    "add_person",
    "remove_person",
    "replay_interest",
)
REVOKE = "revoke_lock_exception"
"""Action of a revoker's statement; it names the request that the lock exception came from."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody whose signature counts from `added_commit` until `removed_commit`."""

    person: str
    verifier_key: str
    roles: tuple[str, ...]
    added_commit: int
    added_us: int
    removed_commit: int | None = None

    @property
    def active(self) -> bool:
        return self.removed_commit is None

    @property
    def public_key(self) -> str:
        """The key without the name it was given under: one key is one pair of eyes."""
        return self.verifier_key.split("+", maxsplit=2)[-1]


class Statement(Protocol):
    """A signed statement whose signature was verified with its person's key."""

    @property
    def action(self) -> str: ...
    @property
    def at_us(self) -> int: ...
    @property
    def lake_id(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def request_id(self) -> str: ...
    @property
    def request_sha256(self) -> str | None: ...
    @property
    def role(self) -> str: ...
    @property
    def subject(self) -> Mapping[str, Any]: ...


RequestState = Literal["open", "approved", "declined"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a person asked for. `answered_*` are set once somebody approved or declined it.

    `statements` are the signed notes: the request's, then the answer's. `used_commit`: of an
    approved close, the commit of the `PeriodClosed` it led to.
    """

    request_id: str
    action: str
    subject: Mapping[str, Any]
    requester: str
    reason: str
    requested_commit: int
    requested_at_us: int
    statements: tuple[str, ...]
    state: RequestState = "open"
    answered_by: str | None = None
    answered_reason: str | None = None
    answered_subject: Mapping[str, Any] | None = None
    answered_commit: int | None = None
    answered_at_us: int | None = None
    used_commit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was last decided about an exception; `pending` when that was undone."""

    event_id: str
    row_index: int
    decision: str
    posting_period: str | None
    request_id: str
    commit_seq: int
