"""Ctrl-C at any moment of a build or query ends it as Ctrl-C, and what follows goes on."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb
import pytest

from orchestration.build import Builder
from orchestration.cli import main, output
from orchestration.ctrl_c import ctrl_c_kept, is_ctrl_c
from tests.close.conftest import Copy
from tests.close.house import PROJECT
from tests.models.warehouse import parsed_project

LASTS_FOR_HOURS = "select sum(hash(range)) from range(1_000_000_000_000)"
MOMENTS = 4


@pytest.fixture(autouse=True)
def _hears_ctrl_c() -> Iterator[None]:
    """Also where a shell lets what it runs in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def _pressed_after(seconds: float) -> Iterator[None]:
    def press() -> None:
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press)
    pressing.start()
    try:
        yield
    finally:
        pressing.join()
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _query() -> None:
    # DuckDB looks for signals between tasks of the main thread: a second one could take them all.
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(LASTS_FOR_HOURS)


def test_a_command_broken_off_in_a_query_says_no_more_than_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "app", _query)
    with pytest.raises(SystemExit) as ended, _pressed_after(0.2):
        main.main()
    assert ended.value.code == output.INTERRUPTED
    assert capsys.readouterr() == ("", "")


def test_an_error_that_is_no_ctrl_c_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr(main, "app", refuse)
    with pytest.raises(RuntimeError, match="interrupted"):
        main.main()
    with pytest.raises(RuntimeError, match="interrupted"), ctrl_c_kept():
        refuse()


def test_an_error_made_of_a_ctrl_c_or_nothing_at_all_is_one() -> None:
    def wrap() -> None:
        try:
            _query()
        except RuntimeError as error:
            raise ValueError("the database said no") from error

    with pytest.raises(KeyboardInterrupt), _pressed_after(0.2), ctrl_c_kept():
        wrap()
    with pytest.raises(ValueError, match="said no") as raw, _pressed_after(0.2):
        wrap()
    assert is_ctrl_c(raw.value)
    with pytest.raises(KeyboardInterrupt), _pressed_after(0.2), ctrl_c_kept(), suppress(ValueError):
        wrap()


def test_a_handler_that_takes_ctrl_c_as_a_wish_keeps_its_way() -> None:
    wishes: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: wishes.append(number))
    with ctrl_c_kept():
        os.kill(os.getpid(), signal.SIGINT)
    assert wishes == [signal.SIGINT]


def test_a_build_broken_off_anywhere_ends_interrupted_and_the_next_goes_on(house: Copy) -> None:
    shop = house("open")
    builder = Builder(shop.settings, project=PROJECT, manifest=parsed_project())
    builder.build(unit_tests=False)
    shop.late(shop.clock)
    started = time.perf_counter()
    builder.build(unit_tests=False)
    lasts = time.perf_counter() - started
    for moment in range(MOMENTS):
        shop.late(shop.clock)
        with pytest.raises(KeyboardInterrupt), _pressed_after(lasts * moment / MOMENTS):
            builder.build(unit_tests=False)
            time.sleep(lasts)  # it was quicker this time
    assert builder.build(unit_tests=False).outcome == "passed"
    shop.publish()
    assert shop.read("select sum(event_count) from daily_sales") == [(shop.sold,)]
