"""Rules of adding and removing people.

The first two people nobody can approve; everyone after them two others did. Called by
`ledger.rules.batch`.
"""

from collections.abc import Iterable

from ledger import control_events as ev
from ledger.books import evolve
from ledger.deciding import Rejection, no
from ledger.people import ROLES, Person
from ledger.rules.rejection import Case, Rejections
from ledger.rules.requests import approved_now

BOOTSTRAP = 2


def added(case: Case, event: ev.PersonAdded) -> Rejections:
    books = case.books
    thing = f"person {event.person!r}"
    known = books.people.get(event.person)
    if known is not None and known.active:
        expected = "somebody who is not there yet"
        yield no("person_must_not_be_added_twice", thing, expected, "an active person")
    alike = [
        p for p in books.people if p != event.person and p.casefold() == event.person.casefold()
    ]
    if alike:
        yield no("person_must_differ_in_more_than_case", thing, "another name", alike[0])
    if not event.roles or not set(event.roles) <= set(ROLES):
        expected = f"some of {', '.join(ROLES)}"
        yield no("role_must_be_known", thing, expected, ", ".join(event.roles) or "none")
    wrong = case.evidence.check_key(event.verifier_key, event.person)
    if wrong is not None:
        yield wrong
    key = event.verifier_key.split("+", maxsplit=2)[-1]
    owners = {p.person for p in books.people_ever if p.public_key == key} - {event.person}
    if owners:
        found = f"the key of {', '.join(sorted(owners))}"
        yield no("key_must_belong_to_one_person", thing, "a key nobody else has had", found)
    if event.request_id is None:
        if len(books.people_ever) >= BOOTSTRAP:
            yield no(
                "person_must_be_approved",
                thing,
                f"a request approved by another person, as there are {BOOTSTRAP} people",
                "none",
                "`ledgerlake people add` makes the request.",
            )
        after = evolve(books, case.at).people.values()
        if len(books.people_ever) == BOOTSTRAP - 1 and not can_approve(after):
            yield _stuck(thing)
        return
    subject = {
        "person": event.person,
        "verifier_key": event.verifier_key,
        "roles": list(event.roles),
    }
    yield from approved_now(case, event.request_id, "add_person", subject)


def removed(case: Case, event: ev.PersonRemoved) -> Rejections:
    books = case.books
    thing = f"person {event.person!r}"
    known = books.people.get(event.person)
    if known is None or not known.active:
        yield no("person_must_be_active", thing, "an active person", "nobody by that name")
        return
    subject = {"person": event.person}
    yield from approved_now(case, event.request_id, "remove_person", subject)
    if not can_approve(evolve(books, case.at).people.values()):
        yield _stuck(thing)


def can_approve(people: Iterable[Person]) -> bool:
    """Is there still somebody to ask and somebody else to approve?"""
    active = [one for one in people if one.active]
    requesters = {one.person for one in active if "requester" in one.roles}
    approvers = {one.person for one in active if "approver" in one.roles}
    return any(requesters - {approver} for approver in approvers)


def _stuck(thing: str) -> Rejection:
    return no(
        "a_requester_and_another_approver_must_remain",
        thing,
        "one active person with role requester and another with role approver",
        "nobody could approve anything any more",
    )
