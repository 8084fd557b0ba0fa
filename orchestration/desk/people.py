"""People: added with a key and roles, removed; after the first two only by request and approval.

Holds both services and the list. Private keys lie in `orchestration.keys`. Called by `people`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from audit.signed_note import Signer, Verifier
from ledger import control_events as ev
from ledger.books import Books
from ledger.errors import IncorrectInput
from ledger.rules.people import BOOTSTRAP
from orchestration import keys
from orchestration.close import signing
from orchestration.close.signing import When
from orchestration.desk import requests
from orchestration.desk.known import read_known
from orchestration.desk.requests import Asked
from orchestration.home import Home


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A person as the books know them; `key_here`: this home holds the private key."""

    person: str
    roles: tuple[str, ...]
    active: bool
    verifier_key: str
    added_commit: int
    removed_commit: int | None
    key_here: bool


@dataclass(frozen=True, kw_only=True)
class Change:
    """What came of adding or removing: done already, done now, or asked for."""

    person: str
    outcome: str
    verifier_key: str | None
    request_id: str | None


def list_people(home: Home) -> list[Listed]:
    """Everybody, removed people included."""
    books = read_known(home).books
    here = {one.person for one in keys.person_keys(home)}
    return [
        Listed(
            person=name,
            roles=one.roles,
            active=one.active,
            verifier_key=one.verifier_key,
            added_commit=one.added_commit,
            removed_commit=one.removed_commit,
            key_here=name in here,
        )
        for name, one in sorted(books.people.items())
    ]


def add(
    home: Home,
    person: str,
    roles: Sequence[str],
    *,
    verifier_key: str | None,
    signer: Signer | None,
    reason: str,
    when: When,
) -> Change:
    """Add a person; the first two at once, later ones by a request that `signer` makes.

    `verifier_key` is the public key of somebody whose private key lies elsewhere; without it the
    home's key of that name is taken, or made.
    """
    books = read_known(home).books
    keys.require_person_name(person)
    known = books.people.get(person)
    if signer is None and not _bootstraps(books) and not (known and known.active):
        raise _must_be_asked(person)
    key = verifier_key or _key_of(home, person)
    if known and known.active and (known.verifier_key, set(known.roles)) == (key, set(roles)):
        return Change(person=person, outcome="was there", verifier_key=key, request_id=None)
    ordered = tuple(sorted(set(roles)))
    if _bootstraps(books):
        event = ev.PersonAdded(person=person, verifier_key=key, roles=ordered, request_id=None)
        signing.record(home, [event], when)
        return Change(person=person, outcome="added", verifier_key=key, request_id=None)
    if signer is None:
        raise _must_be_asked(person)
    asked = requests.ask(
        home,
        signer,
        action="add_person",
        subject={"person": person, "verifier_key": key, "roles": list(ordered)},
        reason=reason,
        when=when,
    )
    return _requested(person, key, asked)


def remove(home: Home, person: str, *, signer: Signer, reason: str, when: When) -> Change:
    """Ask to remove a person; what they signed before stays valid."""
    known = read_known(home).books.people.get(person)
    if known is None:
        raise IncorrectInput(
            "person_must_be_active",
            thing=f"person {person!r}",
            expected="an active person",
            found="nobody by that name",
            remedy="`ledgerlake people list` shows everybody.",
        )
    if not known.active:
        return Change(
            person=person, outcome="was removed", verifier_key=known.verifier_key, request_id=None
        )
    asked = requests.ask(
        home,
        signer,
        action="remove_person",
        subject={"person": person},
        reason=reason,
        when=when,
    )
    return _requested(person, known.verifier_key, asked)


def require_active(books: Books, person: str) -> None:
    """For what is recorded in somebody's name without a signature: they must be there."""
    known = books.people.get(person)
    if known is None or not known.active:
        raise IncorrectInput(
            "person_must_be_active",
            thing=f"person {person!r}",
            expected="an active person",
            found="one who was removed" if known else "nobody by that name",
            remedy="`ledgerlake people list` shows everybody.",
        )


def _bootstraps(books: Books) -> bool:
    return len(books.people_ever) < BOOTSTRAP


def _key_of(home: Home, person: str) -> str:
    path = home.people_keys / f"{person}.key"
    if not path.exists():
        keys.make_person_key(home, person)
    return keys.person_signer(home, person).verifier.to_text()


def _must_be_asked(person: str) -> IncorrectInput:
    return IncorrectInput(
        "person_must_be_approved",
        thing=f"person {person!r}",
        expected=f"--as NAME of who asks: after the first {BOOTSTRAP} people, others are added"
        " by request and approval",
        found="no --as",
        remedy=f"ledgerlake people add {person} --role ROLE --as NAME --why TEXT",
    )


def _requested(person: str, key: str, asked: Asked) -> Change:
    return Change(
        person=person,
        outcome="requested" if asked.new else "was requested",
        verifier_key=key,
        request_id=asked.request.request_id,
    )


def read_verifier_key(text: str) -> str:
    """A public key as given; IncorrectInput if it is none."""
    return Verifier.from_text(text.strip()).to_text()
