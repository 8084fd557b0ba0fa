"""Sagas with a call that is due ask Dagster for a run that makes it."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ledger.accounts import Deposit, OpenAccount
from orchestration.accounts.desk import open_desk
from orchestration.initialise import initialise
from orchestration.sagas.desk import open_sagas
from orchestration.settings import Payments, Settings
from tests.sagas.web import Web
from tests.scheduling.office import Office


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as made:
        yield made


def test_a_due_saga_asks_for_a_run_which_pays_and_then_there_is_nothing_to_ask_for(
    tmp_path: Path, instance: DagsterInstance, web: Web
) -> None:
    payments = Payments(gateway_url=web.url, receipts_url=web.url)
    settings = Settings(home=tmp_path / "home", payments=payments)
    initialise(settings)
    office = Office(settings, instance)
    assert office.look("due_sagas").said == "No journal yet: the first command makes it."
    with open_desk(settings) as desk:
        desk.send("A1", lambda at: OpenAccount(at=at, currency="EUR"), key="1", body={})
        money = Decimal(100)
        desk.send("A1", lambda at: Deposit(at=at, amount=money), key="2", body={}, amount=money)
    assert office.look("due_sagas").said == "No saga has a call that is due."
    with open_sagas(settings) as sagas:
        details = {"account_id": "A1", "amount": "30.00", "currency": "EUR"}
        sagas.begin("payment", "order-7", details)
    [request] = office.look("due_sagas").requests
    assert request.tags["ledgerlake/due_sagas"] == "1"
    assert office.run("run_sagas", request).success
    assert web.books.receipts == ["order-7"]
    assert office.look("due_sagas").said == "No saga has a call that is due."
    with open_sagas(settings) as sagas:
        assert sagas.state("order-7").status == "completed"
        assert sagas.writer.journal.status().undrained == 0, "the run brings it into the lake"
