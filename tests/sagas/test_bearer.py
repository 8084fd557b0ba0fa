"""A gateway that asks for a bearer token gets it, and nobody else ever sees it."""

import os
from pathlib import Path

import pytest

from ledger.errors import IncorrectInput
from ledger.sagas import Refused, Succeeded, Unknown
from orchestration.payments.bearer import BearerToken
from orchestration.payments.http import HttpGateway
from tests.sagas.shop import CALL_SECONDS
from tests.sagas.web import Web

TOKEN, NEXT = "sk-live.4eC39/Hq+Ly~1==", "sk-live.next"
REFUND = {"key": "r", "capture_key": "k"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


def gateway(web: Web, source: str) -> HttpGateway:
    return HttpGateway(url=web.url, seconds=CALL_SECONDS, token=BearerToken(source))


def test_it_is_sent_from_a_file_or_a_variable_and_a_new_one_is_used_at_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TOKEN", TOKEN)
    with Web() as web:
        web.token = TOKEN
        for source in (f"file:{place}", "env:GATEWAY_TOKEN"):
            asked = gateway(web, source)
            assert isinstance(asked.refund(**REFUND), Succeeded), source
        web.token = NEXT
        assert isinstance(asked.refund(**REFUND), Unknown), "who we are is no matter of the order"
        monkeypatch.setenv("GATEWAY_TOKEN", NEXT)
        assert isinstance(asked.refund(**REFUND), Succeeded)
        assert isinstance(gateway(web, "").refund(**REFUND), Unknown)


def test_an_answer_that_repeats_it_is_kept_without_it(place: Path) -> None:
    with Web(fault=lambda *_: "echoes") as web:
        asked = gateway(web, f"file:{place}")
        assert asked.refund(**REFUND) == Refused(reason="402 Bearer (token)")
        web.token = NEXT
        said = asked.refund(**REFUND)
        assert said == Unknown(reason="401 not 'Bearer (token)'")
        assert TOKEN not in repr(asked)


def test_it_does_not_follow_where_the_gateway_sends_who_asks(place: Path) -> None:
    with Web() as other, Web(fault=lambda *_: "moved") as web:
        web.elsewhere = f"{other.url}/captures"
        assert isinstance(gateway(web, f"file:{place}").refund(**REFUND), Unknown)
        assert not other.books.asked and other.visits == 0


@pytest.mark.parametrize(
    "text",
    ["", "two words", f"{TOKEN}\nX-Other: header", "über"],
    ids=["nothing", "words", "header", "letters"],
)
def test_what_is_no_token_is_not_sent_and_not_quoted(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8")
    with Web() as web:
        said = gateway(web, f"file:{place}").refund(**REFUND)
        assert isinstance(said, Unknown) and str(place) in said.reason
        assert not web.books.asked
        assert not text or text not in said.reason


def test_a_place_without_one_is_named(tmp_path: Path) -> None:
    for source in (f"file:{tmp_path}/gone", f"file:{tmp_path}", "env:NOBODY_SET_THIS"):
        with pytest.raises(IncorrectInput) as error:
            BearerToken(source).read()
        assert error.value.rule == "token_must_be_readable" and source in str(error.value)
    assert "NOBODY_SET_THIS" not in os.environ
