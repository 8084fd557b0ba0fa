"""Which version reads which: Avro's own cases, and each rule of ours seen broken and kept."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ingestion import contracts
from ingestion.contracts.avro_resolution import problems
from ingestion.contracts.compatibility import as_upcast, standing, unreadable
from ingestion.contracts.registry import Registry
from tests.contracts.made import COLUMNS, made, text

CASES = json.loads(
    (Path(__file__).parents[1] / "data/cases/avro_schema_compatibility.json").read_text()
)
PAIRS = CASES["pairs"]

OURS = {"null", "string", "long", "int", "boolean", "bytes"}
"""Avro types our exported schemas are made of, with records, arrays and unions of null and one."""

BEYOND_OURS = {
    "enum": 11,
    "fixed": 7,
    "float or double": 16,
    "map": 6,
    "union of other than null and one": 41,
}
"""Pairs with a type no contract exports, by the first reason. They are judged all the same."""


def _beyond(schema: Any) -> str | None:
    """Why no contract of ours could export this schema."""
    if isinstance(schema, list):
        inner = [one for one in schema if one != "null"]
        if len(inner) != 1 or len(schema) != 2:
            return "union of other than null and one"
        return _beyond(inner[0])
    if isinstance(schema, str):
        return None if schema in OURS else "float or double"
    kind = schema["type"]
    if kind in ("map", "enum", "fixed"):
        return str(kind)
    inner = [field["type"] for field in schema.get("fields", ())]
    inner += [schema["items"]] if kind == "array" else []
    inner += [kind] if kind not in ("record", "array") else []
    return next((why for one in inner if (why := _beyond(one))), None)


@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_avro_says_of_every_published_pair_what_the_pair_says(number: int) -> None:
    pair = PAIRS[number]
    found = problems(pair["reader"], pair["writer"])
    assert (not found) == pair["compatible"], found
    kinds = [str(one.kind) for one in found]
    assert sorted(set(kinds)) == sorted(set(pair.get("incompatibility_types", []))), found
    assert {one.location for one in found} <= set(pair.get("locations", []))


def test_every_published_pair_is_judged_and_those_beyond_our_types_are_counted() -> None:
    reasons = [_beyond(pair["reader"]) or _beyond(pair["writer"]) for pair in PAIRS]
    assert Counter(one for one in reasons if one) == BEYOND_OURS
    assert len(PAIRS) == 131
    assert reasons.count(None) == 131 - sum(BEYOND_OURS.values())


def test_a_type_that_holds_itself_is_compared_once() -> None:
    def tree(leaf: str) -> dict[str, Any]:
        fields = [{"name": "v", "type": leaf}, {"name": "next", "type": ["null", "Tree"]}]
        return {"type": "record", "name": "Tree", "fields": fields}

    assert problems(tree("long"), tree("int")) == []
    assert [one.location for one in problems(tree("int"), tree("long"))] == ["/fields/0/type"]


def _pair(old: str, new: str, *, steps: str = "", top: str = "") -> Registry:
    return made(text(1, body=f"{COLUMNS}{old}"), text(2, body=f"{COLUMNS}{new}{steps}", top=top))


def _kept(known: Registry) -> set[str]:
    return set(standing(known.history("Made")).kept)


BOTH = {"backward", "forward", "full"}
BOTH |= {f"{one}_transitive" for one in BOTH}
BACK, FORTH = {"backward", "backward_transitive"}, {"forward", "forward_transitive"}
ADD = '\n[[upcast]]\nadd = "payload.a"\nvalue = "x"\n'


@pytest.mark.parametrize(
    ("old", "new", "steps", "kept"),
    [
        ("", "", "", BOTH),
        ("", "[payload]\na = { kind = 'text' }", "", BOTH),
        ("", "[payload]\na = { kind = 'text', required = true }", "", FORTH),
        ("", "[payload]\na = { kind = 'text', required = true }", ADD, BOTH),
        ("[payload]\na = { kind = 'text', required = true }", "", "", BACK),
        ("[payload]\na = { kind = 'text' }", "[payload]\na = { kind = 'integer' }", "", set()),
        ("[payload]\na = { kind = 'text' }", "[payload]\na = { kind = 'time_zone' }", "", FORTH),
        ("[payload]\na = { kind = 'time_of_day' }", "[payload]\na = { kind = 'text' }", "", BACK),
        (
            "[payload]\na = { kind = 'integer', minimum = 0 }",
            "[payload]\na = { kind = 'integer', minimum = 1, maximum = 5 }",
            "",
            FORTH,
        ),
        (
            "[payload]\na = { kind = 'integer', minimum = 0, maximum = 5 }",
            "[payload]\na = { kind = 'integer', minimum = 0, maximum = 9 }",
            "",
            BACK,
        ),
        ("", "[payload]\na = { kind = 'text', column = 'store_id' }", "", BOTH),
        (
            "[payload]\na = { kind = 'text' }",
            "[payload]\na = { kind = 'text', column = 'store_id' }",
            "",
            FORTH,
        ),
        ("currency = { required = true }", "", "", BACK),
        ("", "currency = { forbidden = true }", "", FORTH),
        ("currency = { required = true }", "currency = { forbidden = true }", "", set()),
        ("amount = { sign = 'any' }", "amount = { sign = 'positive' }", "", FORTH),
        ("amount = { sign = 'positive' }", "amount = { sign = 'not_negative' }", "", BACK),
        ("quantity = { whole = true }", "quantity = { whole = false }", "", BACK),
        (
            "[payload]\na = { kind = 'text', required = true }",
            "[payload]\nb = { kind = 'text', required = true }",
            '\n[[upcast]]\nrename = "payload.a"\nto = "payload.b"\n',
            BACK,
        ),
        (
            "[payload]\na = { kind = 'text', required = true }",
            "[payload]\nb = { kind = 'text', required = true }\nc = { kind = 'text' }",
            '\n[[upcast]]\nsplit = "payload.a"\nat = "-"\ninto = ["payload.b", "payload.c"]\n',
            BACK,
        ),
        (
            "[payload]\na = { kind = 'text', required = true }",
            "[payload]\nb = { kind = 'text', required = true }\n"
            "c = { kind = 'text', required = true }",
            '\n[[upcast]]\nsplit = "payload.a"\nat = "-"\ninto = ["payload.b", "payload.c"]\n',
            set(),
        ),
    ],
)
def test_each_change_keeps_what_it_keeps(old: str, new: str, steps: str, kept: set[str]) -> None:
    found = _kept(_pair(old, new, steps=steps))
    assert {one for one in found if one.removesuffix("_transitive") != "full"} == {
        one for one in kept if one.removesuffix("_transitive") != "full"
    }
    assert ("full" in found) == (found >= {"backward", "forward"})


def test_transitive_looks_past_the_version_before() -> None:
    fields = "[payload]\na = { kind = 'integer' }"
    known = made(
        text(1, body=f"{COLUMNS}[payload]\na = {{ kind = 'text' }}"),
        text(2),
        text(3, body=f"{COLUMNS}{fields}"),
    )
    assert _kept(known) == {"backward", "forward", "full"}
    found = standing(known.history("Made"))
    assert [(one.reader, one.writer) for one in found.broken] == [("Made.v3", "Made.v1")]
    assert standing(known.history("Made"), demanded="full").broken == ()


def test_a_contract_may_demand_less_or_more_than_backward() -> None:
    new = "[payload]\na = { kind = 'text', required = true }"
    assert standing(_pair("", new).history("Made")).broken != ()
    for level, broken in (("none", 0), ("forward", 0), ("full", 1), ("backward", 1)):
        known = _pair("", new, top=f'compatibility = "{level}"')
        assert len(standing(known.history("Made")).broken) == broken, level


def test_another_family_cannot_read() -> None:
    known = made(text(1), text(2).replace('"accounts"', '"sales"'))
    old, new = known.history("Made")
    assert [one.rule for one in unreadable(reader=new, writer=old)] == ["family_must_stay"]


def test_the_shipped_deposits_keep_all_they_promise() -> None:
    history = contracts.load().history("FundsDeposited")
    for number in range(1, 4):
        assert standing(history[:number]).broken == ()
    told = as_upcast(history[0], history[1:])
    assert told.columns["currency"].required
    # Without its upcaster the second version would not read the first.
    assert [one.where for one in unreadable(reader=history[1], writer=history[0])] == ["currency"]
