"""Rows against their contracts, vectorised: which obey, and the first rule each other breaks.

Holds `check`. Does not convert values (mappings do, and give their own rules along) and does
not build batches. Called by `ingestion.file_batches`. The rules are listed in docs/ingest.md.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ingestion.contracts import payload_rules
from ingestion.contracts.registry import ColumnContract, Contract, Registry
from ingestion.contracts.rules import Rule, first_broken
from ledger import control_events, currency, saga_kinds

CHOKE_POINT = Rule(
    control_events.CHOKE_POINT_RULE,
    pl.col("event_type").is_in(sorted(control_events.RESERVED)),
    "no type that states a fact about the books; `ledgerlake` records those itself",
    pl.col("event_type"),
)
"""For rows from outside: what the choke point alone may bring into the lake."""

JOURNAL = Rule(
    saga_kinds.JOURNAL_RULE,
    pl.col("event_type").is_in(sorted(saga_kinds.RESERVED)),
    "no type that says how a saga stands; the runner of sagas records those itself",
    pl.col("event_type"),
)
"""For rows from files: what the journal alone may bring into the lake."""

KEY_BYTES_MAX = 512
"""Longest id or key. Keys are copied into indexes, partitions and figures; a longer text there is
a wrong column, not a key."""

KEY_COLUMNS = (
    "event_id",
    "correlation_id",
    "causation_id",
    "store_id",
    "account_id",
    "category",
    "channel",
    "stream_id",
)
FIRST_YEAR = pl.datetime(1, 1, 1, time_unit="us", time_zone="UTC")


@dataclass(frozen=True)
class Checked:
    """`accepted` are the rows that obey, with `family` and `stream_id` set.

    `rejects` has (row, reason, detail), `row` counting from 0 in the frame that was checked.
    """

    accepted: pl.DataFrame
    rejects: pl.DataFrame


def check(
    rows: pl.DataFrame,
    registry: Registry,
    *,
    conversions: Sequence[Rule] = (),
    latest_event_time: pl.Expr,
) -> Checked:
    """Split `rows` by the contracts of their types.

    `rows` has the event columns but those of source and family; `conversions` are the rules for
    values that could not be converted, `latest_event_time` the instant no event may lie after.
    """
    contracts = list(_present(rows, registry))
    # Computed once: some sixty rules ask of each row which contract it has (0.3 us a row).
    rows = rows.with_columns(_is_under(one).alias(_applies_name(one)) for one in contracts)
    rows = rows.with_columns(stream_id=_stream_id(contracts))
    rules = [
        *_identity_rules(registry, contracts),
        *conversions,
        _given("event_id"),
        *_time_rules(latest_event_time),
        *_key_rules(),
        *_contract_rules(rows, contracts),
    ]
    rejects = first_broken(rows, rules)
    good = rows
    if rejects.height:
        good = rows.with_row_index("row").join(rejects, on="row", how="anti").drop("row")
    accepted = good.with_columns(family=_family(contracts))
    return Checked(accepted.drop(map(_applies_name, contracts)), rejects)


def _present(rows: pl.DataFrame, registry: Registry) -> Iterator[Contract]:
    """The contracts of the types and versions that occur in `rows`."""
    pairs = rows.select("event_type", "schema_version").unique().drop_nulls().sort(pl.all())
    for event_type, version in pairs.iter_rows():
        contract = registry.get(event_type, version)
        if contract is not None:
            yield contract


def _applies_name(contract: Contract) -> str:
    return f"applies:{contract.event_type}:{contract.schema_version}"


def _applies(contract: Contract) -> pl.Expr:
    return pl.col(_applies_name(contract))


def _is_under(contract: Contract) -> pl.Expr:
    return (pl.col("event_type") == contract.event_type) & (
        pl.col("schema_version") == contract.schema_version
    )


def _by_contract(contracts: Iterable[tuple[Contract, pl.Expr]], otherwise: pl.Expr) -> pl.Expr:
    chosen = otherwise
    for contract, value in contracts:
        chosen = pl.when(_applies(contract)).then(value).otherwise(chosen)
    return chosen


def _stream_id(contracts: Sequence[Contract]) -> pl.Expr:
    nothing = pl.lit(None, dtype=pl.String)
    by_contract = [(one, _stream_of(one)) for one in contracts]
    return pl.coalesce("stream_id", _by_contract(by_contract, nothing))


def _stream_of(contract: Contract) -> pl.Expr:
    stream = contract.stream
    if stream.column:
        return pl.col(stream.column)
    if stream.payload:
        field = pl.col("payload").str.json_path_match(f"$.{stream.payload}")
        return pl.concat_str(pl.lit(stream.prefix), field)
    return pl.lit(stream.constant)


def _family(contracts: Sequence[Contract]) -> pl.Expr:
    nothing = pl.lit(None, dtype=pl.String)
    return _by_contract([(one, pl.lit(one.family)) for one in contracts], nothing)


def _identity_rules(registry: Registry, present: Sequence[Contract]) -> list[Rule]:
    types, codes = list(registry.event_types), sorted(currency.CODES)
    event_type, version = pl.col("event_type"), pl.col("schema_version")
    known = pl.any_horizontal(pl.lit(value=False), *map(_applies, present))
    return [
        Rule(
            "event_type_must_be_known",
            event_type.is_null() | ~event_type.is_in(types),
            f"one of {', '.join(types)}",
            event_type,
        ),
        Rule(
            "schema_version_must_be_known",
            version.is_null() | ~known,
            _versions_of(registry),
            version,
        ),
        Rule(
            "currency_must_be_iso_4217",
            pl.col("currency").is_not_null() & ~pl.col("currency").is_in(codes),
            "an ISO 4217 code such as EUR, in capitals",
            pl.col("currency"),
        ),
    ]


def _versions_of(registry: Registry) -> pl.Expr:
    texts = {t: " or ".join(map(str, registry.versions(t))) for t in registry.event_types}
    return pl.col("event_type").replace_strict(texts, default="a known version")


def _time_rules(latest: pl.Expr) -> list[Rule]:
    time = pl.col("event_time")
    return [
        _given("event_time"),
        Rule(
            "event_time_must_not_be_in_the_future",
            time > latest,
            pl.concat_str(pl.lit("at most "), latest.cast(pl.String)),
            time,
        ),
        Rule(
            "event_time_must_be_in_a_four_digit_year",
            time < FIRST_YEAR,
            "a time from year 1 on",
            time.to_physical(),
        ),
    ]


def _key_rules() -> Iterator[Rule]:
    for name in KEY_COLUMNS:
        bytes_ = pl.col(name).str.len_bytes()
        yield Rule(
            f"{name}_must_not_be_empty", bytes_ == 0, "a text, or no value at all", pl.lit("''")
        )
        yield Rule(
            f"{name}_must_be_short",
            bytes_ > KEY_BYTES_MAX,
            f"at most {KEY_BYTES_MAX} bytes",
            pl.concat_str(bytes_, pl.lit(" bytes: "), pl.col(name)),
        )


def _contract_rules(rows: pl.DataFrame, contracts: Sequence[Contract]) -> Iterator[Rule]:
    for contract in contracts:
        applies = _applies(contract)
        for name, column in contract.columns.items():
            yield from _column_rules(applies, name, column, contract)
        yield from payload_rules.of(contract, applies, rows.schema)
    yield _given("stream_id")


def _column_rules(
    applies: pl.Expr, name: str, column: ColumnContract, contract: Contract
) -> Iterator[Rule]:
    value = pl.col(name)
    kind = f"{contract.event_type} v{contract.schema_version}"
    if column.required:
        yield _given(name, applies, f"a value, as {kind} demands")
    if column.forbidden:
        yield Rule(
            f"{name}_must_not_be_given",
            applies & value.is_not_null(),
            f"no {name} in {kind}",
            value,
        )
    if column.sign == "not_negative":
        yield Rule(f"{name}_must_not_be_negative", applies & (value < 0), "0 or more", value)
    if column.sign == "positive":
        yield Rule(f"{name}_must_be_positive", applies & (value <= 0), "more than 0", value)
    if column.whole:
        fraction = (value.to_physical() % 10_000) != 0
        yield Rule(f"{name}_must_be_whole", applies & fraction, "a whole number", value)


def _given(name: str, applies: pl.Expr | None = None, expected: str = "a value") -> Rule:
    missing = pl.col(name).is_null()
    broken = missing if applies is None else applies & missing
    return Rule(f"{name}_must_be_given", broken, expected, pl.col(name))
