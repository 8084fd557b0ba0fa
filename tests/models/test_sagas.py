"""Sagas in the warehouse: how each stands, and that no figure takes them for money."""

from datetime import UTC, datetime
from pathlib import Path

from ingestion import contracts
from ingestion.journal import Handler, Journal, Request, Retries, drain
from ingestion.saga_codec import SAGA_CODEC
from ledger.sagas import Begin, Expire, Intervene, Report, Result
from tests.models.warehouse import Warehouse, open_warehouse
from tests.sagas.acts import DEADLINE_US, DETAILS, DONE, NO, NOW_US, SILENCE, STEPS

FIGURES = ("saga_status", "event_outcomes", "account_balances", "late_event_exceptions")
LAWS = (
    "assert_every_event_has_one_outcome",
    "assert_accepted_equals_sum_of_routes",
    "assert_received_equals_sum_of_outcomes",
)
AT = datetime(2026, 1, 1, 2, tzinfo=UTC)

Answers = tuple[tuple[str, Result], ...]
LIVES: dict[str, Answers] = {
    "runs": ((STEPS[0], DONE), (STEPS[1], SILENCE)),
    "is-done": tuple((step, DONE) for step in STEPS),
    "is-declined": ((STEPS[0], DONE), (STEPS[1], NO), ("release_funds", DONE)),
    "goes-back": ((STEPS[0], DONE), (STEPS[1], NO)),
    "is-stuck": ((STEPS[0], DONE), (STEPS[1], NO), ("release_funds", NO)),
    "is-settled": ((STEPS[0], DONE), (STEPS[1], NO), ("release_funds", NO)),
}


def live(warehouse: Warehouse, folder: Path) -> None:
    """Each life, through the journal and into the lake."""
    journal = Journal.open(f"sqlite:///{folder}/journal.sqlite", now=lambda: NOW_US)
    handler = Handler(
        journal, SAGA_CODEC, retries=Retries(pause=lambda _s: None, jitter=lambda: 0.0)
    )

    def tell(name: str, command: Begin | Report | Expire | Intervene) -> None:
        key = f"{name}/{handler.state(f'saga/{name}')[1]}"
        handler.handle(Request(stream_id=f"saga/{name}", key=key, body=b"", command=command))

    for name, answers in LIVES.items():
        tell(name, Begin(at_us=NOW_US, saga="payment", details=DETAILS))
        for step, result in answers:
            tell(name, Report(at_us=NOW_US, step=step, attempt=1, result=result))
    tell(
        "is-settled",
        Intervene(at_us=NOW_US, decision="settled", by="ana", why="by hand"),
    )
    done = drain(journal, warehouse.lake, registry=contracts.load(), latest_event_us=DEADLINE_US)
    assert (done.quarantined, done.accepted) == (0, done.events), "they obey their contracts"
    journal.close()


def test_every_saga_stands_as_its_decider_says_and_moves_no_figure(tmp_path: Path) -> None:
    warehouse = open_warehouse(tmp_path / "home")
    warehouse.set_policy(max_delay_days=5, initial_grace_hours=6, at=AT)
    live(warehouse, tmp_path)
    warehouse.build(select=[f"+{name}" for name in FIGURES])
    found = warehouse.rows(
        "select saga_id, status, saga, account_id, amount, last_step, steps_done, failed_tries,"
        " ended is not null from saga_status order by saga_id"
    )
    stands = {row[0]: (row[1], *row[5:]) for row in found}
    assert stands == {
        "runs": ("running", STEPS[1], 1, 1, False),
        "is-done": ("completed", STEPS[3], 4, 0, True),
        "is-declined": ("compensated", "release_funds", 2, 1, True),
        "goes-back": ("undoing", STEPS[1], 1, 1, False),
        "is-stuck": ("waiting", "release_funds", 1, 2, False),
        "is-settled": ("settled", "release_funds", 1, 2, True),
    }
    assert {row[2:5] for row in found} == {("payment", "A1", 30)}
    assert warehouse.failing_tests("saga_status", *LAWS) == []
    routes = warehouse.rows(
        "select distinct route from event_outcomes where event_type like 'Saga%'"
        " or event_type = 'OrderPlaced'"
    )
    assert routes == [("not_routed",)]
    for name in ("account_balances", "late_event_exceptions", "intermediate.int_accounts__deltas"):
        assert warehouse.rows(f"select count(*) from {name}") == [(0,)], name
