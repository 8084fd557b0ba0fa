"""docs/sagas.md: the example of a new saga runs as it stands there; its table is true."""

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from ingestion import contracts
from ingestion.contracts import registry
from ingestion.journal import Handler, Journal, Request, Retries, drain
from ingestion.lake import Lake
from ingestion.saga_codec import SagaCodec
from ledger.payments import PAYMENT
from ledger.sagas import Begin
from orchestration.sagas.runner import Runner
from tests.house.sources import ROOT
from tests.sagas.acts import NOW_US

TEXT = (ROOT / "docs" / "sagas.md").read_text()
RETRIES = Retries(pause=lambda _s: None, jitter=lambda: 0.0)


def blocks(kind: str) -> list[str]:
    found = re.findall(rf"^ *```{kind}\n(.*?)^ *```", TEXT, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(one) for one in found]


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """What the Python of the example defines; its scenario holds."""
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, "docs/sagas.md", "exec"), names)
    return names


@pytest.mark.parametrize(("paper", "end"), [(True, "completed"), (False, "compensated")])
def test_the_new_saga_runs_to_either_end_and_into_the_lake(
    tmp_path: Path, written: dict[str, Any], paper: bool, end: str
) -> None:
    [contract] = map(registry.parse, blocks("toml"))
    codec = SagaCodec({"parcel": written["PARCEL"]})
    booked: dict[str, str] = {}
    journal = Journal.open(f"sqlite:///{tmp_path}/journal.sqlite", now=lambda: NOW_US)
    lake = Lake.create(tmp_path / "lake", tmp_path / "index", now=lambda: NOW_US)
    begin = Begin(at_us=NOW_US, saga="parcel", details={"address": "Main St 1"})
    Handler(journal, codec, retries=RETRIES).handle(
        Request(stream_id="saga/parcel-1", key="1", body=b"", command=begin)
    )
    hands = {"parcel": written["parcel_hands"](booked, paper=paper)}
    ran = Runner(journal, codec, hands, now=lambda: NOW_US, retries=RETRIES).run()
    assert ran.ended == {end: 1}
    assert list(booked.values()) == (["Main St 1"] if paper else [])
    known = {(one.event_type, one.schema_version): one for one in (*contracts.load(), contract)}
    done = drain(journal, lake, registry=contracts.Registry(known), latest_event_us=NOW_US)
    assert (done.accepted, done.quarantined) == (done.events, 0)
    journal.close()
    lake.close()


def test_the_table_of_the_payment_is_its_definition() -> None:
    rows = re.findall(
        r"^\| `(\w+)`[^|]*\|[^|]*\| (?:`(\w+)`[^|]*|-) \| ([a-z]+)", TEXT, re.MULTILINE
    )
    assert rows == [
        (
            step.name,
            step.undone_by.name if step.undone_by else "",
            "asks" if step.else_ == "ask_a_person" else "turns",
        )
        for step in PAYMENT.steps
    ]
