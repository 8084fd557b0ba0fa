"""A close that dies anywhere is never half: run again, it goes on to one certified period."""

import random
import time
from multiprocessing.context import ForkServerProcess

import pytest
from dbt.parser.manifest import extended_mashumaro_encoder

from ingestion.control.books import load_books
from ledger.periods import Closed, Open, SoftClosed
from orchestration.close import apply as applying
from orchestration.close.certificates import verify_certificates
from orchestration.close.status import read_status
from tests import forked
from tests.close import breaker
from tests.close.conftest import JANUARY, Copy
from tests.close.house import House
from tests.models.warehouse import parsed_project

SEED = 20_263
STEPS = (
    "sealed",
    "verified",
    "built",
    "tested",
    "gated",
    "export exported",
    "export pinned",
    "export manifest",
    "exported",
    "certified",
    "published",
    "closed",
)
SOME = ("tested", "export pinned", "certified", "published", "closed")
"""Of those the ones between which most is written; all of them every night."""


def _start(house: House, token: str, step: str) -> ForkServerProcess:
    parsed = house.root.with_name("manifest.msgpack")
    if not parsed.exists():
        parsed.write_bytes(parsed_project().to_msgpack(extended_mashumaro_encoder))
    return forked.start(breaker.apply, house, token, step, parsed)


def _assert_not_half(house: House) -> None:
    """Readers see the period as it was, or as it is certified; the lake says the same."""
    state = load_books(house.home.lake).state(JANUARY)
    assert isinstance(state, Open | SoftClosed | Closed)
    certificates = list(house.home.certificates.glob("*.json"))
    assert len(certificates) <= 1
    if isinstance(state, Closed):
        assert certificates
    for path in certificates:
        assert path.with_suffix(".note").exists(), "what is certified is signed"
    query = f"select sum(amount) from period_sales where posting_period = '{JANUARY}'"
    assert house.read(query) == house.warehouse(query.replace("period_", "main.period_"))


@pytest.mark.parametrize("steps", [SOME, pytest.param(STEPS, marks=pytest.mark.nightly)])
def test_death_at_every_step_in_turn_ends_in_one_certified_period(
    house: Copy, steps: tuple[str, ...]
) -> None:
    shop = house("open")
    token = shop.plan(JANUARY).token
    assert token
    for step in steps:
        assert forked.exit_code(_start(shop, token, step)) == 9, step
        _assert_not_half(shop)
        found = read_status(shop.home)[0]
        assert (found.state, step) in {("interrupted", step), ("closed", "closed")}
    done = shop.apply(token)
    assert isinstance(done, applying.Closed)
    assert len(load_books(shop.home.lake).closes) == 1
    assert [one.ok for one in verify_certificates(shop.home)] == [True]
    rows = shop.read(f"select state from accounting_periods where period_id = '{JANUARY}'")
    assert rows == [("Closed",)]


@pytest.mark.parametrize("kills", [2, pytest.param(8, marks=pytest.mark.nightly)])
def test_kill_at_any_moment_ends_in_one_certified_period(house: Copy, kills: int) -> None:
    print(f"seed {SEED}")  # noqa: T201
    moments = random.Random(SEED)
    shop = house("open")
    token = shop.plan(JANUARY).token
    assert token
    for _ in range(kills):
        process = _start(shop, token, "never")
        time.sleep(moments.uniform(0.5, 9))
        process.kill()
        process.join()
        _assert_not_half(shop)
    assert isinstance(shop.apply(token), applying.Closed)
    assert len(load_books(shop.home.lake).closes) == 1
    assert [one.ok for one in verify_certificates(shop.home)] == [True]


@pytest.mark.parametrize("step", ["certified", pytest.param("gated", marks=pytest.mark.nightly)])
def test_ordinary_build_between_death_and_resumption_changes_nothing(
    house: Copy, step: str
) -> None:
    """Somebody builds and publishes while the period is sealed, as a schedule would."""
    shop = house("open")
    token = shop.plan(JANUARY).token
    assert token
    assert forked.exit_code(_start(shop, token, step)) == 9
    late = shop.late(shop.clock.replace(month=1, day=31))
    shop.build()
    shop.publish()
    done = shop.apply(token)
    assert isinstance(done, applying.Closed)
    assert [one.ok for one in verify_certificates(shop.home)] == [True]
    rows = shop.read("select event_id, status, exception_reason from late_event_exceptions")
    assert sorted(rows) == [(one, "pending", "period_soft_closed") for one in late]
