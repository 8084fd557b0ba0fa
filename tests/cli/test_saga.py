"""`ledgerlake saga`, from an order to its receipt or back."""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from tests.cli.terminal import Terminal
from tests.sagas.web import Web

_FORTH = {("/captures", 0): "fails", ("/captures", 1): "refuses"}
ORDER = ("--account", "A1", "--currency", "EUR", "--amount")


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as made:
        yield made


@pytest.fixture
def shop(terminal: Terminal, web: Web) -> Terminal:
    """A home with 100 EUR in account A1, and somebody to pay."""
    terminal.set("LEDGERLAKE_HOME", str(terminal.folder / "home"))
    terminal.set("LEDGERLAKE_PAYMENTS__GATEWAY_URL", web.url)
    terminal.set("LEDGERLAKE_PAYMENTS__RECEIPTS_URL", web.url)
    terminal.set("LEDGERLAKE_PAYMENTS__CALL_SECONDS", "1")
    for words in ("init", "account open A1 --currency EUR", "account deposit A1 100.00"):
        assert terminal.run(*words.split()).code == 0
    return terminal


def test_an_order_is_paid_and_its_path_drawn(shop: Terminal) -> None:
    assert "No saga was begun yet." in shop.run("saga", "list").text
    started = shop.run("saga", "start", "order-7", *ORDER, "30.00", "--json")
    assert (started.code, started.json["status"], started.json["repeated"]) == (0, "running", False)
    again = shop.run("saga", "start", "order-7", *ORDER, "30.00", "--json")
    assert (again.code, again.json["repeated"]) == (0, True)
    other = shop.run("saga", "start", "order-7", *ORDER, "31.00", "--json")
    assert (other.code, other.json["rejected"]) == (1, "saga_must_be_new")
    wrong = shop.run("saga", "start", "order-8", *ORDER, "0.001", "--json")
    assert (wrong.code, wrong.json["rejected"]) == (1, "amount_must_be_whole_minor_units")
    assert shop.run("saga", "start", "order-8", *ORDER, "1000.00").code == 0, "said rightly"
    assert "next: reserve_funds, try 1" in shop.run("saga", "show", "order-7").text
    ran = shop.run("saga", "run", "--json")
    assert (ran.code, ran.json["completed"], ran.json["compensated"]) == (0, 1, 1)
    drawn = shop.run("saga", "show", "order-7").text
    path = (
        "→ OrderPlaced → reserve_funds ✓ → capture_payment ✓ → settle_funds ✓"
        " → send_receipt ✓ → completed"
    )
    assert path in drawn
    assert shop.run("account", "show", "A1", "--json").json["balance"] == "70.00"
    assert shop.run("journal", "status", "--json").json["undrained"] == 0
    assert shop.run("journal", "check").code == 0
    assert shop.run("saga", "show", "nobody", "--json").json["error"] == "saga_must_be_known"


def test_what_is_declined_is_drawn_forth_and_back(shop: Terminal, web: Web) -> None:
    web.fault = lambda path, _key, before: _FORTH.get((path, before), "")
    shop.run("saga", "start", "order-7", *ORDER, "30.00")
    ran = shop.run("saga", "run", "--once", "--json")
    assert (ran.code, ran.json["open"], ran.json["calls"]) == (0, 1, 1), "it does not wait"
    drawn = shop.run("saga", "show", "order-7").text
    assert "capture_payment ? → settle_funds ·" in drawn
    assert re.search(r"retry: \S+T\S+Z next: capture_payment, try 2, at \S+T\S+Z$", drawn), drawn
    assert shop.run("saga", "run", "--json").json["compensated"] == 1
    waiting = shop.run("saga", "list", "--status", "waiting").text
    assert waiting == "No saga is waiting. Of all: 1 compensated"
    drawn = shop.run("saga", "show", "order-7").text
    assert "capture_payment ✗ (2 tries) → settle_funds · → send_receipt ·" in drawn
    assert "↩ refund_payment ✓ → release_funds ✓ → compensated" in drawn


def test_a_person_is_asked_and_decides(shop: Terminal, web: Web) -> None:
    web.fault = lambda path, *_: "refuses" if path != "/captures" else ""
    shop.run("saga", "start", "order-7", *ORDER, "30.00")
    ran = shop.run("saga", "run")
    assert ran.code == 1, "somebody is waited for"
    found = shop.run("saga", "list", "--status", "waiting", "--json").json
    assert [one["saga_id"] for one in found["sagas"]] == ["order-7"]
    drawn = shop.run("saga", "show", "order-7").text
    assert "↩ return_funds ✓ → refund_payment ✗ → release_funds · → waits for a person" in drawn
    assert "do: `ledgerlake saga decide order-7 retry" in drawn
    web.fault = lambda *_: ""
    words = ("saga", "decide", "order-7", "retry", "--by", "ana")
    assert shop.run(*words, "--why", " ", "--json").json["rejected"] == "reason_must_be_given"
    assert shop.run(*words, "--why", "they are back").code == 0
    ran = shop.run("saga", "run", "--json")
    assert (ran.code, ran.json["compensated"]) == (0, 1)
    assert shop.run("saga", "list").text.endswith("1 compensated")
    assert shop.run(*words, "--why", "again").code == 1, "it waits no more"


def test_nobody_to_ask_is_said_before_anything_is_done(shop: Terminal) -> None:
    shop.set("LEDGERLAKE_PAYMENTS__RECEIPTS_URL", "")
    found = shop.run("saga", "run", "--json")
    assert (found.code, found.json["error"]) == (2, "receipts_url_must_be_set")


def test_a_token_is_sent_and_is_nowhere_to_be_found_afterwards(shop: Terminal, web: Web) -> None:
    """In no output, and in no file of the home: an answer that quotes it is kept without it."""
    token = "sk-live.4eC39HqLyjWDarjtT1zdp7dc"
    shop.set("LEDGERLAKE_PAYMENTS__GATEWAY_TOKEN_FROM", "env:GATEWAY_TOKEN")
    shop.run("saga", "start", "order-7", *ORDER, "30.00")
    found = shop.run("saga", "run", "--json")
    assert (found.code, found.json["error"]) == (2, "token_must_be_readable")
    shop.set("GATEWAY_TOKEN", token)
    web.fault = lambda path, *_: "echoes" if path == "/captures" else ""
    said = [shop.run("saga", "run", "--json"), shop.run("saga", "show", "order-7")]
    assert said[0].json["compensated"] == 1 and "402 Bearer (token)" in said[1].text
    assert all(token not in one.out + one.err for one in said)
    files = [one for one in (shop.folder / "home").rglob("*") if one.is_file()]
    assert files and not [one for one in files if token.encode() in one.read_bytes()]


def test_ctrl_c_stops_a_watch_and_records_what_is_under_way(shop: Terminal, web: Web) -> None:
    web.fault = lambda path, *_: "late" if path == "/captures" else ""
    shop.run("saga", "start", "order-7", *ORDER, "30.00")
    before = signal.getsignal(signal.SIGINT)

    def press() -> None:
        while not web.books.captured:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press)
    pressing.start()
    ran = shop.run("saga", "run", "--watch", "--json")
    pressing.join()
    assert (ran.code, ran.json["open"], ran.json["calls"]) == (0, 1, 1)
    assert shop.run("saga", "list", "--json").json["sagas"][0]["next_step"] == "settle_funds"
    assert signal.getsignal(signal.SIGINT) is before
