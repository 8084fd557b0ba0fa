"""Sagas with a call that is due ask Dagster for a run that makes it."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from dagster import DagsterInstance, Definitions, in_process_executor

from ingestion.lake.writer import system_clock
from ledger.accounts import Deposit, OpenAccount
from orchestration.accounts.desk import open_desk
from orchestration.initialise import initialise
from orchestration.sagas.desk import open_sagas
from orchestration.scheduling.jobs.sagas import RUN_SAGAS, sagas_job
from orchestration.scheduling.sensors.due_sagas import due_sagas_sensor
from orchestration.settings import Payments, Settings
from tests.sagas.web import Web
from tests.scheduling.office import Office


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as made:
        yield made


def saga_office(settings: Settings, instance: DagsterInstance) -> Office:
    """An office without models: they take dbt half a minute to parse."""
    office = Office(settings, instance)
    office.__dict__["definitions"] = Definitions(
        jobs=[sagas_job()],
        sensors=[due_sagas_sensor(RUN_SAGAS)],
        resources={"settings": settings, "now": system_clock},
        executor=in_process_executor,
    )
    return office


def test_a_due_saga_asks_for_a_run_which_pays_and_then_there_is_nothing_to_ask_for(
    tmp_path: Path, instance: DagsterInstance, web: Web
) -> None:
    payments = Payments(gateway_url=web.url, receipts_url=web.url)
    settings = Settings(home=tmp_path / "home", payments=payments)
    initialise(settings)
    office = saga_office(settings, instance)
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
