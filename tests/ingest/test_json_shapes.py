"""Taking many JSON rows apart at once gives what taking each apart gives."""

import json
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.sources import json_shapes
from ingestion.sources.json_rows import Broken, Extractor, parse

PATHS = {"a": ("a",), "b": ("b",), "c": ("x", "c"), "d": ("x", "y", "d"), "again": ("a",)}

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["null", "true", "1", 'quote"', "back\\slash", "\ud800", "}", '","a":'])
)
inner = st.dictionaries(st.sampled_from(["c", "d", "e"]), scalars, max_size=3)
objects = st.dictionaries(
    st.sampled_from(["a", "b", "x", "key with space", "k.e-y", 'k"', "\u00e9"]),
    scalars
    | st.lists(scalars, max_size=2)
    | inner
    | st.dictionaries(st.sampled_from(["c", "y"]), scalars | inner, max_size=2),
    max_size=5,
)
broken_texts = st.sampled_from(
    ['{"a":1,"a":2}', '{"a":01}', '{"a":NaN}', '{"a":1}}', '{"a":"\t"}', "[]", "", '{"a":1,}', "{"]
)
written = st.builds(
    lambda value, spaces, ascii_: json.dumps(
        value, indent=None, separators=(", ", ": ") if spaces else (",", ":"), ensure_ascii=ascii_
    ),
    objects,
    st.booleans(),
    st.booleans(),
)


def _one_by_one(texts: list[str]) -> tuple[list[dict[str, Any]], dict[int, tuple[str, str]]]:
    extractor = Extractor(PATHS)
    broken = {}
    for row, text in enumerate(texts):
        try:
            extractor.add(parse(text))
        except Broken as verdict:
            broken[row] = (verdict.rule, verdict.detail)
    return extractor.columns().to_dicts(), broken


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


@given(
    kinds=st.lists((written | broken_texts).filter(_encodable), min_size=1, max_size=6),
    order=st.lists(st.integers(0, 5), min_size=1, max_size=120),
)
@settings(max_examples=300, deadline=None)
def test_shapes_give_what_the_parser_gives(kinds: list[str], order: list[int]) -> None:
    texts = [kinds[n % len(kinds)] for n in order]
    values, broken = _one_by_one(texts)
    columns, verdicts = json_shapes.extract(pl.Series(texts, dtype=pl.String), PATHS)
    assert columns.select(list(PATHS)).to_dicts() == values
    found = {row: (verdict.rule, verdict.detail) for row, verdict in verdicts.items()}
    assert found == broken


def test_rows_of_one_shape_do_not_reach_the_parser_one_by_one() -> None:
    texts = [f'{{"a":{n},"x":{{"c":"t{n}"}}}}' for n in range(1_000)]
    columns, broken = json_shapes.extract(pl.Series(texts), PATHS)
    assert broken == {}
    assert columns.row(7, named=True) == {"a": "7", "b": None, "c": "t7", "d": None, "again": "7"}
    rest = json_shapes._of_first_shape(
        pl.Series(texts), pl.arange(0, 1_000, eager=True).to_numpy(), PATHS
    )[1]
    assert len(rest) == 0


def test_a_key_twice_is_seen_though_the_row_looks_like_the_others() -> None:
    texts = ['{"a":1,"b":2}'] * 100
    texts[50] = '{"a":1,"a":2}'
    _, broken = json_shapes.extract(pl.Series(texts), PATHS)
    assert {row: verdict.rule for row, verdict in broken.items()} == {
        50: "json_keys_must_be_unique"
    }
