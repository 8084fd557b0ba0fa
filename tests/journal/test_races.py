"""Eight processes at one journal: no update lost, no gap, no balance below what the rules allow."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion import contracts
from ingestion.account_codec import ACCOUNT_CODEC
from ingestion.journal import Handler, Journal, Retries, check, drain
from ingestion.journal.handler import event_id_of
from ingestion.lake import Lake
from tests import forked
from tests.journal.conftest import NOW
from tests.journal.racer import Race, make, race

HOT = Race(accounts=1, rivals=8, commands=12, group=1, seed=1)
MANY = Race(accounts=300, rivals=8, commands=100, group=20, seed=2)


def test_eight_processes_on_one_hot_account(url: str, tmp_path: Path) -> None:
    run(url, HOT, tmp_path)


def test_eight_processes_on_many_accounts(url: str, tmp_path: Path) -> None:
    run(url, MANY, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize(
    "given",
    [
        Race(accounts=1, rivals=8, commands=250, group=1, seed=3),
        Race(accounts=1, rivals=8, commands=2_000, group=50, seed=4),
        Race(accounts=10_000, rivals=8, commands=5_000, group=200, seed=5),
        Race(accounts=10_000, rivals=8, commands=300, group=1, seed=6),
    ],
    ids=str,
)
def test_eight_processes_at_length(url: str, given: Race, tmp_path: Path) -> None:
    run(url, given, tmp_path)


def run(url: str, given: Race, folder: Path) -> None:
    with_accounts(url, given)
    files = [folder / f"rival {rival}.json" for rival in range(given.rivals)]
    processes = [forked.start(race, url, given, rival, file) for rival, file in enumerate(files)]
    assert [forked.exit_code(one) for one in processes] == [0] * given.rivals
    journal = Journal.open(url, now=lambda: NOW)
    answers = [json.loads(file.read_text()) for file in files]
    require_nothing_lost(journal, given, one_answer_each(given, answers))
    lake = Lake.create(folder / "lake", folder / "index", now=lambda: NOW)
    done = drain(journal, lake, registry=contracts.load(), latest_event_us=NOW)
    assert done.accepted == journal.next_position()
    assert check(journal, lake, ACCOUNT_CODEC).differences == []
    journal.close()
    lake.close()


def with_accounts(url: str, given: Race) -> None:
    journal = Journal.open(url, now=lambda: NOW)
    retries = Retries(pause=lambda _seconds: None, jitter=lambda: 0.0)
    run = Handler(journal, ACCOUNT_CODEC, retries=retries)
    run.handle_many([given.opening(number) for number in range(given.accounts)])
    journal.close()


def one_answer_each(given: Race, told: list[dict[str, object]]) -> dict[str, object]:
    """The answer to each key: both senders heard the same, unless one gave up on conflicts."""
    answers: dict[str, object] = {}
    for rival, mine in enumerate(told):
        assert mine.keys() == {one.key for one in given.requests(rival)}
        for key, answer in mine.items():
            if answers.get(key, "conflict") == "conflict":
                answers[key] = answer
            assert answer in (answers[key], "conflict"), f"{key}: {answer} and {answers[key]}"
    return answers


def require_nothing_lost(journal: Journal, given: Race, answers: dict[str, object]) -> None:
    events = journal.pending(0, 1_000_000)
    assert [one.position for one in events] == list(range(len(events))), "no gap"
    accepted = {key for key, answer in answers.items() if isinstance(answer, int)}
    openings = [given.opening(number).key for number in range(given.accounts)]
    ids = sorted(one.event.event_id for one in events)
    assert ids == sorted(event_id_of(key, 0) for key in [*openings, *accepted])
    balances = dict.fromkeys((f"A{number}" for number in range(given.accounts)), Decimal(0))
    versions = dict.fromkeys(balances, 0)
    for one in events:
        versions[one.stream_id] += 1
        assert one.stream_version == versions[one.stream_id], "a stream's order is that of commits"
        sign = {"FundsDeposited": 1, "FundsWithdrawn": -1}.get(one.event.event_type, 0)
        amount = one.event.columns.get("amount") or Decimal(0)
        assert isinstance(amount, Decimal)
        balances[one.stream_id] += sign * amount
        assert balances[one.stream_id] >= 0, f"{one.stream_id} at position {one.position}"
    states = journal.load_many(list(balances))
    assert {name: one.version for name, one in states.items()} == versions
    found = {
        name: ACCOUNT_CODEC.state_from_bytes(one.state).balance for name, one in states.items()
    }
    assert found == balances, "no update lost"
    refused = {answer for answer in answers.values() if isinstance(answer, str)}
    assert refused <= {"available_funds_must_cover_the_amount", "conflict"}, refused


def test_eight_processes_make_one_journal(url: str) -> None:
    """Whoever comes first makes the tables, the others find them."""
    processes = [forked.start(make, url) for _ in range(8)]
    assert [forked.exit_code(one) for one in processes] == [0] * 8
