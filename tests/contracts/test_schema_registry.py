"""The client of a schema registry against one on loopback, over real HTTP."""

import socket
from collections.abc import Iterator

import pytest

from ingestion import contracts
from ingestion.contracts.avro import avro_schema
from ingestion.contracts.schema_registry import SchemaRegistry, kept_by_avro, push
from ledger.errors import IncorrectInput, NotSupported
from tests.contracts.made import COLUMNS, made, text
from tests.contracts.registry_server import Registry, running

DEPOSITS = contracts.load().history("FundsDeposited")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(Registry()) as one:
        yield one


def test_all_versions_go_in_oldest_first_and_again_nothing_is_new(registry: Registry) -> None:
    client = SchemaRegistry(registry.url)
    pushed = push(client, DEPOSITS, suffix="-value")
    assert [(one.contract, one.schema_id, one.is_new) for one in pushed] == [
        ("FundsDeposited.v1", 1, True),
        ("FundsDeposited.v2", 2, True),
        ("FundsDeposited.v3", 3, True),
    ]
    assert registry.subjects == {"FundsDeposited-value": [1, 2, 3]}
    again = push(client, DEPOSITS, suffix="-value")
    assert [(one.schema_id, one.is_new) for one in again] == [(1, False), (2, False), (3, False)]
    assert registry.calls[-3:] == [("POST", "/subjects/FundsDeposited-value")] * 3


def test_a_next_version_goes_in_beside_the_ones_that_are_there(registry: Registry) -> None:
    client = SchemaRegistry(registry.url)
    push(client, DEPOSITS[:1], suffix="-value")
    pushed = push(client, DEPOSITS, suffix="-value")
    assert [one.is_new for one in pushed] == [False, True, True]


def test_the_registry_then_demands_what_avro_alone_can_keep(registry: Registry) -> None:
    """Only an upcaster lets a second deposit's reader read a first: the registry has none."""
    push(SchemaRegistry(registry.url), DEPOSITS, suffix="-value")
    assert registry.levels == {"FundsDeposited-value": "FORWARD_TRANSITIVE"}
    plain = made(text(1), text(2, body=f"{COLUMNS}[payload]\na = {{ kind = 'text' }}"))
    assert kept_by_avro(plain.history("Made")) == "backward_transitive"
    broken = made(
        text(1, body=f"{COLUMNS}[payload]\na = {{ kind = 'text' }}"),
        text(
            2, body=f"{COLUMNS}[payload]\na = {{ kind = 'integer' }}", top='compatibility = "none"'
        ),
    )
    assert kept_by_avro(broken.history("Made")) == "none"


def test_the_registry_says_what_it_would_refuse_and_refuses_it(registry: Registry) -> None:
    client = SchemaRegistry(registry.url)
    first, second = map(avro_schema, DEPOSITS[:2])
    assert client.fits("deposits", second) == []
    client.register("deposits", first)
    assert client.fits("deposits", first) == []
    assert client.fits("deposits", second) == ["string cannot read null"]
    with pytest.raises(IncorrectInput, match=r"409 409: string cannot read null"):
        client.register("deposits", second)


def test_a_subject_may_hold_any_characters(registry: Registry) -> None:
    SchemaRegistry(registry.url).register("a/b c?", avro_schema(DEPOSITS[0]))
    assert registry.calls == [("POST", "/subjects/a%2Fb%20c%3F/versions")]


def test_a_password_is_sent_and_never_shown() -> None:
    with running(Registry(user="anna:s e:cret")) as registry:
        host = registry.url.removeprefix("http://")
        client = SchemaRegistry(f"http://anna:s%20e%3Acret@{host}")
        assert client.register("deposits", avro_schema(DEPOSITS[0])) == 1
        assert client.shown == registry.url
        with pytest.raises(IncorrectInput, match="401") as refused:
            SchemaRegistry(f"http://anna:wrong@{host}").register("d", avro_schema(DEPOSITS[0]))
        assert "wrong" not in str(refused.value)


def test_a_registry_that_is_not_there_or_hangs_or_is_none_is_named() -> None:
    schema = avro_schema(DEPOSITS[0])
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(NotSupported, match="refused"):
            SchemaRegistry(address).find("deposits", schema)
        silent.listen()
        with pytest.raises(NotSupported, match="timed out"):
            SchemaRegistry(address, timeout_s=0.2).find("deposits", schema)
    with (
        running(Registry(broken=True)) as registry,
        pytest.raises(NotSupported, match="<html>no registry") as refused,
    ):
        SchemaRegistry(registry.url).register("deposits", schema)
    assert refused.value.rule == "schema_registry_must_speak_its_protocol"


@pytest.mark.parametrize("url", ["localhost:8081", "file:///etc", "http://", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(IncorrectInput, match="http://localhost:8081"):
        SchemaRegistry(url)
