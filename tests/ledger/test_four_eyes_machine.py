"""Four eyes in any order: the rules allow exactly what a plain model allows."""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger import control_events as ev
from tests.control.office import PLAN, person, signer
from tests.ledger.paper_office import PaperOffice

NAMES = st.sampled_from(("rita", "adam", "zoe"))
ROLES = st.lists(
    st.sampled_from(("requester", "approver", "auditor")), min_size=1, max_size=3, unique=True
)
LATE = st.integers(1, 4)
"""How many requests ago."""


@dataclass
class Asked:
    """A request as the model sees it: `since` is when its requester had been added."""

    event: ev.ActionRequested
    by: str
    since: int
    whom: str | None = None
    roles: tuple[str, ...] = ()
    is_open: bool = True


class FourEyes(RuleBasedStateMachine):
    """`roles`: of those who are there; `since`: the how manieth addition theirs was."""

    def __init__(self) -> None:
        super().__init__()
        self.office = PaperOffice().open_for_business()
        both = ("requester", "approver")
        self.office.add("zoe", "requester")
        self.roles: dict[str, tuple[str, ...]] = {"rita": both, "adam": both, "zoe": both[:1]}
        self.since = {"rita": 1, "adam": 2, "zoe": 3}
        self.added = 3
        self.asked: list[Asked] = []

    def may(self, by: str, role: str) -> bool:
        return role in self.roles.get(by, ())

    def can_go_on_without(self, gone: str) -> bool:
        left = {name: roles for name, roles in self.roles.items() if name != gone}
        return any(
            "requester" in left[asks] and "approver" in left[approves]
            for asks in left
            for approves in left
            if asks != approves
        )

    def ask(self, by: str, action: str, subject: dict[str, object], asked: Asked) -> None:
        asked.event = self.office.asked(by, action, subject)
        self.office.expect(self.may(by, "requester"), asked.event)
        if self.may(by, "requester"):
            asked.since = self.since[by]
            self.asked.append(asked)

    @rule(by=NAMES)
    def ask_to_close(self, by: str) -> None:
        subject: dict[str, object] = {"period_id": "2011-03", "plan_sha256": PLAN}
        self.ask(by, "close_period", subject, Asked(event=NOTHING, by=by, since=0))

    @rule(by=NAMES, whom=NAMES)
    def ask_to_remove(self, by: str, whom: str) -> None:
        self.ask(by, "remove_person", {"person": whom}, Asked(NOTHING, by, 0, whom=whom))

    @rule(by=NAMES, whom=NAMES, roles=ROLES)
    def ask_to_add(self, by: str, whom: str, roles: list[str]) -> None:
        key = signer(whom).verifier.to_text()
        subject: dict[str, object] = {"person": whom, "verifier_key": key, "roles": roles}
        self.ask(by, "add_person", subject, Asked(NOTHING, by, 0, whom=whom, roles=tuple(roles)))

    @rule(by=NAMES, ago=LATE)
    def approve(self, by: str, ago: int) -> None:
        if not self.asked:
            return
        one = self.asked[-min(ago, len(self.asked))]
        events: list[ev.ControlEvent] = [self.office.approval(by, one.event)]
        allowed = (
            one.is_open
            and self.may(by, "approver")
            and by != one.by
            and self.since.get(one.by) == one.since
        )
        if one.event.action == "add_person":
            assert one.whom is not None
            events.append(person(one.whom, *one.roles, request=one.event.request_id))
            allowed = allowed and one.whom not in self.roles
        elif one.event.action == "remove_person":
            assert one.whom is not None
            events.append(ev.PersonRemoved(person=one.whom, request_id=one.event.request_id))
            there = one.whom in self.roles and one.whom != by
            allowed = allowed and there and self.can_go_on_without(one.whom)
        self.office.expect(allowed, *events)
        if allowed:
            one.is_open = False
            self.carry_out(one)

    def carry_out(self, one: Asked) -> None:
        if one.event.action == "remove_person":
            assert one.whom is not None
            del self.roles[one.whom], self.since[one.whom]
        elif one.event.action == "add_person":
            assert one.whom is not None
            self.added += 1
            self.roles[one.whom], self.since[one.whom] = one.roles, self.added

    @rule(whom=NAMES, roles=ROLES)
    def go_and_come_back(self, whom: str, roles: list[str]) -> None:
        """As far as rita and adam may do it: each step is held against the model."""
        self.ask_to_remove("rita", whom)
        self.approve("adam", 1)
        self.ask_to_add("rita", whom, roles)
        self.approve("adam", 1)

    @rule(by=NAMES, ago=LATE)
    def decline(self, by: str, ago: int) -> None:
        if not self.asked:
            return
        one = self.asked[-min(ago, len(self.asked))]
        own = by == one.by and by in self.roles
        about_it = one.event.action == "remove_person" and one.whom == by
        allowed = one.is_open and (own or (self.may(by, "approver") and not about_it))
        self.office.expect(allowed, self.office.declined(by, one.event))
        if allowed:
            one.is_open = False

    @invariant()
    def books_agree_with_the_model(self) -> None:
        books = self.office.books
        there = {name: one.roles for name, one in books.people.items() if one.active}
        assert there == self.roles
        found = [books.requests[one.event.request_id].state == "open" for one in self.asked]
        assert found == [one.is_open for one in self.asked]
        assert self.can_go_on_without("nobody")

    @invariant()
    def whoever_approved_is_another_than_who_asked(self) -> None:
        for one in self.office.books.requests.values():
            if one.state == "approved":
                assert one.answered_by not in (None, one.requester)


NOTHING = ev.ActionRequested(request_id="", action="", statement="")

TestFourEyes = FourEyes.TestCase
TestFourEyes.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
