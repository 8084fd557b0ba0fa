"""Commands run against a journal: answered once, decided anew on conflict, or reported."""

import pytest

from ingestion.journal import Accepted, Journal, Rejected, VersionConflict
from ledger.errors import IncorrectInput, InternalFault
from tests.journal.counter import CODEC, Add, Added, add, handler, values


def test_command_is_decided_on_what_came_before(journal: Journal) -> None:
    run = handler(journal)
    assert run.handle(add("a", 5, "k1")).version == 1
    assert run.handle(add("a", -3, "k2")).version == 2
    refused = run.handle(add("a", -3, "k3"))
    assert isinstance(refused, Rejected)
    assert refused.rejection.rule == "count_must_not_fall_below_zero"
    assert values(journal, ["a"]) == {"a": 2}


def test_same_key_gets_the_same_answer_even_when_the_state_has_changed(journal: Journal) -> None:
    run = handler(journal)
    first = run.handle(add("a", 5, "k1"))
    refused = run.handle(add("a", -9, "k2"))
    run.handle(add("a", 9, "k3"))
    assert isinstance(first, Accepted)
    assert run.handle(add("a", 5, "k1")) == Accepted(**{**vars(first), "repeated": True})
    assert isinstance(refused, Rejected)
    assert run.handle(add("a", -9, "k2")) == Rejected(**{**vars(refused), "repeated": True})
    assert values(journal, ["a"]) == {"a": 14}
    with pytest.raises(IncorrectInput, match="another body"):
        run.handle(add("a", 6, "k1"))


class Rival:
    """Appends to stream a behind the handler's back, each time it decides."""

    def __init__(self, journal: Journal, times: int) -> None:
        self._journal, self._left = journal, times

    def __getattr__(self, name: str) -> object:
        return getattr(CODEC, name)

    @property
    def decider(self) -> "Rival":
        return self

    def initial(self, stream_id: str) -> object:
        return CODEC.decider.initial(stream_id)

    def evolve(self, state: object, event: Added) -> object:
        return CODEC.decider.evolve(state, event)

    def decide(self, state: object, command: Add) -> object:
        if self._left:
            self._left -= 1
            handler(self._journal).handle(add("a", 10, f"rival {self._left}"))
        return CODEC.decider.decide(state, command)


def test_conflict_is_decided_anew_and_loses_no_update(journal: Journal) -> None:
    run = handler(journal)
    run._codec = Rival(journal, 3)
    answer = run.handle(add("a", 1, "mine"))
    assert answer.version == 4 and values(journal, ["a"]) == {"a": 31}


def test_conflict_that_does_not_end_is_reported(journal: Journal) -> None:
    waits: list[float] = []
    run = handler(journal, limit=2)
    run._retries = type(run._retries)(pause=waits.append, jitter=lambda: 1.0, limit=2)
    run._codec = Rival(journal, 99)
    with pytest.raises(VersionConflict):
        run.handle(add("a", 1, "mine"))
    assert waits == [0.002, 0.004], "twice as long each time"
    assert values(journal, ["a"]) == {"a": 30}, "the rival's three, not ours"


def test_group_answers_each_in_its_order(journal: Journal) -> None:
    run = handler(journal)
    answers = run.handle_many(
        [
            add("a", 5, "k1"),
            add("a", -9, "k2"),
            add("b", 1, "k3"),
            add("a", -5, "k4"),
            add("a", 5, "k1"),
            add("a", 6, "k1"),
        ]
    )
    kinds = [type(one).__name__ for one in answers]
    assert kinds == ["Accepted", "Rejected", "Accepted", "Accepted", "Accepted", "IncorrectInput"]
    assert values(journal, ["a", "b"]) == {"a": 0, "b": 1}


def test_state_of_another_format_is_refused(journal: Journal) -> None:
    handler(journal).handle(add("a", 5, "k1"))
    run = handler(journal)
    run._codec = type("Newer", (type(CODEC),), {"state_format": "counter/2"})()
    with pytest.raises(InternalFault, match="counter/1"):
        run.handle(add("a", 5, "k2"))
