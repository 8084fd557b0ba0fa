"""Sagas over a real HTTP server that fails, hangs, answers twice, late or not at all, and dies."""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ingestion.saga_codec import SagaCodec
from ledger.payments import PAYMENT
from ledger.sagas import Refused, Retry, Saga, Succeeded, Unknown
from orchestration.payments.http import HttpGateway, HttpReceipts
from tests import forked
from tests.sagas.shop import CALL_SECONDS, Shop, hurried, serve
from tests.sagas.web import Fault, Web, by_lot, none
from tests.waiting import until

AMOUNT = "30.00"


def only(path: str, fault: str, times: int = 1) -> Fault:
    """The first requests to this path go wrong."""
    return lambda asked, _key, before: fault if asked == path and before < times else ""


def test_a_payment_goes_through_reserved_captured_settled_and_receipted(tmp_path: Path) -> None:
    with Web() as web, Shop(tmp_path, web.url) as shop:
        shop.open_accounts("A1")
        shop.order(("order-7", "A1", AMOUNT))
        assert shop.run().ended == {"completed": 1}
        assert (shop.account("A1").balance, shop.account("A1").held) == (970, 0)
        assert shop.problems(web.books, ["A1"]) == []
        assert shop.run().calls == 0, "there is nothing left to do"


def test_a_runner_reads_the_sagas_that_are_open_and_not_those_that_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Web() as web, Shop(tmp_path, web.url) as shop:
        shop.open_accounts("A1")
        shop.order(*((f"o{number}", "A1", "1.00") for number in range(5)))
        assert shop.run().ended == {"completed": 5}
        web.fault = lambda path, *_: "refuses" if path != "/captures" else ""
        shop.order(("stuck", "A1", "1.00"))
        assert shop.run().waiting == 1
        shop.order(("new", "A1", "1.00"))
        seen: list[str] = []
        real = SagaCodec.state_from_bytes

        def reading(codec: SagaCodec, data: bytes) -> Saga:
            seen.append(real(codec, data).saga_id)
            return real(codec, data)

        monkeypatch.setattr(SagaCodec, "state_from_bytes", reading)
        web.fault = none
        ran = shop.run()
        assert (ran.waiting, ran.ended) == (1, {"completed": 1}), "who waits is counted too"
        assert set(seen) == {"stuck", "new"}


@pytest.mark.parametrize(
    "fault", ["fails", "breaks", "hangs", "lost", "late", "later", "twice", "rubbish"]
)
@pytest.mark.parametrize("path", ["/captures", "/receipts"])
def test_whatever_goes_wrong_once_is_asked_again_and_done_once(
    tmp_path: Path, path: str, fault: str
) -> None:
    with Web(fault=only(path, fault)) as web, Shop(tmp_path, web.url) as shop:
        shop.open_accounts("A1")
        shop.order(("order-7", "A1", AMOUNT))
        assert shop.run().ended == {"completed": 1}
        assert shop.problems(web.books, ["A1"]) == []
        keys = {key for asked, key in web.books.asked if asked == path}
        assert len(keys) == 1 and web.books.receipts == ["order-7"]


def test_what_the_gateway_declines_is_released(tmp_path: Path) -> None:
    with Web(fault=only("/captures", "refuses")) as web, Shop(tmp_path, web.url) as shop:
        shop.open_accounts("A1")
        shop.order(("order-7", "A1", AMOUNT), ("order-8", "A1", "2000.00"))
        assert shop.run().ended == {"compensated": 2}
        assert shop.problems(web.books, ["A1"]) == []
        assert "declined" in shop.saga("order-7").problem
        assert "available_funds_must_cover_the_amount" in shop.saga("order-8").problem


def test_a_refused_receipt_gives_the_money_back_on_both_sides(tmp_path: Path) -> None:
    with Web(fault=only("/receipts", "refuses")) as web, Shop(tmp_path, web.url) as shop:
        shop.open_accounts("A1")
        shop.order(("order-7", "A1", AMOUNT))
        assert shop.run().ended == {"compensated": 1}
        assert shop.account("A1").balance == 1000 and len(web.books.refunded) == 1
        assert shop.problems(web.books, ["A1"]) == []


def test_a_capture_that_arrives_after_its_refund_is_refused_by_the_gateway(tmp_path: Path) -> None:
    payment = hurried(PAYMENT, Retry(tries=2, first_wait_us=1_000))
    with Web() as web, Shop(tmp_path, web.url, payment=payment) as shop:

        def held_up(path: str, _key: str, _before: int) -> str:
            if path == "/captures":
                until(lambda: bool(web.books.void), seconds=20)
            return ""

        web.fault = held_up
        shop.open_accounts("A1")
        shop.order(("order-7", "A1", AMOUNT))
        assert shop.run().ended == {"compensated": 1}
        until(lambda: any(path == "/captures" for path, _ in web.books.answers), seconds=20)
        assert web.books.captured == {} and len(web.books.void) == 1
        assert shop.problems(web.books, ["A1"]) == []


def test_a_gateway_that_died_is_asked_again_when_it_is_back(tmp_path: Path) -> None:
    with Web() as web:
        books, port = web.books, web.port
    payment = hurried(PAYMENT, Retry(tries=3, first_wait_us=1_000))
    with Shop(tmp_path, web.url, payment=payment) as shop:
        shop.open_accounts("A1")
        shop.order(("order-7", "A1", AMOUNT))
        ran = shop.run()
        assert (ran.waiting, ran.calls) == (1, 6), "three captures, three refunds"
        assert "URLError" in shop.saga("order-7").problem
        with Web(books=books, port=port):
            assert shop.run().waiting == 1, "until somebody says so"


def test_what_an_answer_means() -> None:
    asked = {"key": "k", "order": "o", "amount": 1, "currency": "EUR"}
    with Web() as web:
        gateway = HttpGateway(url=f"{web.url}/", seconds=CALL_SECONDS)
        assert gateway.capture(**asked) == Succeeded(reference="captures-0")
        assert gateway.refund(key="r", capture_key="k") == Succeeded(reference="refunds-1")
        web.fault = lambda *_: "refuses"
        sender = HttpReceipts(url=web.url, seconds=CALL_SECONDS)
        assert sender.send(**asked) == Refused(reason='402 {"error": "declined"}')
        for fault, text in (("fails", "503"), ("breaks", "Remote"), ("hangs", "timed out")):
            web.fault = lambda *_, said=fault: said
            result = gateway.capture(**asked | {"key": fault})
            assert isinstance(result, Unknown) and text in result.reason, fault
        web.fault = lambda *_: "rubbish"
        assert "cannot be read" in gateway.capture(**asked).reason


@pytest.mark.parametrize("fault", [401, 408, 409, 425, 429, 500, 302])
def test_an_answer_that_is_no_clear_no_leaves_it_open(fault: int) -> None:
    with Web(fault=lambda *_: str(fault)) as web:
        gateway = HttpGateway(url=web.url, seconds=CALL_SECONDS)
        assert isinstance(gateway.refund(key="r", capture_key="k"), Unknown)


@pytest.mark.parametrize(
    "nth", [2, 5, *(pytest.param(n, marks=pytest.mark.nightly) for n in (1, 3, 4, 6))]
)
def test_killed_between_any_call_and_its_record_the_next_runner_asks_with_the_same_key(
    tmp_path: Path, nth: int
) -> None:
    with Web() as web, Shop(tmp_path, web.url) as shop:
        shop.open_accounts("A1")
        shop.order(("order-7", "A1", AMOUNT))
        child = forked.start(serve, tmp_path, web.url, ("before_commit", nth))
        assert forked.exit_code(child) == -signal.SIGKILL
        assert shop.run().ended == {"completed": 1}
        assert shop.problems(web.books, ["A1"]) == []
        assert {key for _, key in web.books.asked} == {
            "saga/order-7/capture_payment",
            "saga/order-7/send_receipt",
        }


def test_two_runners_at_once_do_nothing_twice(tmp_path: Path) -> None:
    with Web(fault=by_lot(0.2, 1)) as web, Shop(tmp_path, web.url) as shop:
        shop.open_accounts("A1", "A2")
        shop.order(*((f"o{n}", f"A{n % 2 + 1}", "7.01") for n in range(40)))
        others = [forked.start(serve, tmp_path, web.url) for _ in range(2)]
        shop.run()
        assert [forked.exit_code(one) for one in others] == [0, 0]
        assert shop.problems(web.books, ["A1", "A2"]) == []


def test_many_sagas_with_faults_and_kills_end_whole_or_undone(tmp_path: Path) -> None:
    chaos(tmp_path, sagas=200, kills=3, seed=20261125)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_ten_thousand_sagas_with_faults_and_kills_end_whole_or_undone(tmp_path: Path) -> None:
    chaos(tmp_path, sagas=10_000, kills=25, seed=7)


def chaos(folder: Path, *, sagas: int, kills: int, seed: int) -> None:
    """A fifth of all requests goes wrong; the runner is killed again and again."""
    lot = random.Random(seed)
    accounts = [f"A{number}" for number in range(max(5, sagas // 50))]
    with Web(fault=by_lot(0.2, seed)) as web, Shop(folder, web.url) as shop:
        shop.open_accounts(*accounts)
        cents = [(f"o{n}", lot.choice(accounts), lot.randrange(1, 5_000)) for n in range(sagas)]
        shop.order(*((name, account, f"{c / 100:.2f}") for name, account, c in cents))
        codes = []
        for _ in range(kills):
            child = forked.start(serve, folder, web.url)
            time.sleep(lot.uniform(0.2, 0.6))
            with suppress(ProcessLookupError):  # a later one may find all done and end by itself
                os.kill(child.pid or 0, signal.SIGKILL)
            codes.append(forked.exit_code(child))
        assert codes[0] == -signal.SIGKILL, "it was killed at work"
        ran = shop.run()
        assert (ran.open, ran.waiting) == (0, 0)
        assert shop.problems(web.books, accounts) == [], f"seed {seed}"
        ends = {one.status for one in shop.all()}
        assert ends == {"completed", "compensated"} and web.books.refunded
