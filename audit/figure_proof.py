"""Proof of one figure: the events it is the sum of, each shown to be in the signed lake.

Holds the document and its check: leaves are hashed again from the events, the root they give must
be the checkpoint's, the sums are made again. Shows that each event is in the lake and is of this
store and day, not that no other is: the certificate and a rebuild show that. Called by
`audit.verify_proof` and by whoever makes a proof. Form: docs/certificate.md
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any, Final

import numpy as np
import polars as pl

from audit import canonical
from audit.canonical import CANONICAL, CANONICAL_SCHEMA, DECIMAL_SCALE, Kind
from audit.canonical_json import canonical_json, parse_canonical
from audit.checkpoint import open_checkpoint, origin_of
from audit.figures import SUM_DIGITS
from audit.multi_proof import root_of_proof
from audit.record import NotThisRecord, from_values, to_values
from audit.signed_note import Verifier
from ledger.business_days import StoreDays
from ledger.errors import IncorrectInput

FORMAT: Final = "ledgerlake figure proof 1"
COLUMNS: Final = tuple(column.name for column in CANONICAL)
KEYS: Final = ("category", "channel", "currency")
BOOKED: Final = ("next_period", "restated")
# As the models sum them: what was given back counts against what was taken.
SIGNS: Final = {"SaleRecorded": 1, "SaleRefunded": -1}
REGISTERED: Final = "StoreRegistered"
DECIDED: Final = "LateEventDecided"

Event = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ProvenCell:
    """Sums over the events of one category, channel and currency, refunds against sales.

    Decimals as plain text; null when no event has a value.
    """

    category: str | None
    channel: str | None
    currency: str | None
    amount: str | None
    quantity: str | None
    event_count: int


@dataclass(frozen=True, kw_only=True)
class FigureProof:
    """The document. `events`: one list an event, values in the order of `columns`: instants in
    microseconds, decimals times 10,000. Those of family `control` say where the store's days begin
    and that late events were decided to count. `nodes`: base64 of the multi-proof's hashes."""

    format: str = field(default=FORMAT)
    lake_id: str
    store_id: str
    business_date: str
    known_as_of_us: int
    cells: tuple[ProvenCell, ...]
    columns: tuple[str, ...] = field(default=COLUMNS)
    events: tuple[Any, ...]
    checkpoint: str
    nodes: str

    def to_bytes(self) -> bytes:
        """The document: one line of canonical JSON."""
        values = {**to_values(replace(self, events=())), "events": self.events}
        return (canonical_json(values) + "\n").encode()


def event_values(rows: pl.DataFrame) -> tuple[Any, ...]:
    """Events as a proof holds them, from a frame with all canonical columns."""
    plain = rows.select(
        pl.col(column.name).to_physical().cast(pl.Int64)
        if column.kind in (Kind.INSTANT, Kind.DECIMAL)
        else pl.col(column.name)
        for column in CANONICAL
    )
    return tuple(plain.iter_rows())


def cells_of(events: Iterable[Event]) -> tuple[ProvenCell, ...]:
    """The sums over sales, by category, channel and currency, in order."""
    groups: dict[tuple[str | None, ...], list[Event]] = defaultdict(list)
    for event in events:
        groups[tuple(event[name] for name in KEYS)].append(event)
    return tuple(
        ProvenCell(
            **dict(zip(KEYS, key, strict=True)),
            amount=_sum("amount", groups[key]),
            quantity=_sum("quantity", groups[key]),
            event_count=len(groups[key]),
        )
        for key in sorted(groups, key=lambda key: [(one is not None, one or "") for one in key])
    )


def read_proof(data: bytes) -> FigureProof:
    """The proof of a document. IncorrectInput names what does not fit."""
    try:
        text = data.decode("utf-8")
        if not text.endswith("\n"):
            raise ValueError("no line feed at the end")
        proof = from_values(FigureProof, parse_canonical(text.removesuffix("\n")))
    except NotThisRecord as error:
        raise _problem(
            "proof_must_have_its_fields", f"{error.where}: {error.expected}", error.found
        ) from None
    except ValueError as error:
        raise _problem("proof_must_be_canonical_json", "one form", str(error)) from None
    if proof.format != FORMAT or proof.columns != COLUMNS:
        raise _problem("proof_must_have_its_fields", f"{FORMAT}, {COLUMNS}", proof.format)
    return proof


def check_proof(proof: FigureProof, verifiers: Sequence[Verifier]) -> None:
    """The events are in the lake that one of `verifiers` signed, and are the figure's.

    IncorrectInput says what does not hold.
    """
    widths = {len(one) if isinstance(one, list | tuple) else -1 for one in proof.events}
    if widths != {len(COLUMNS)}:
        raise _problem("event_must_have_its_columns", f"lists of {len(COLUMNS)}", str(widths))
    rows = _frame(proof)
    _require_in_the_lake(proof, rows, verifiers)
    events = [dict(zip(COLUMNS, one, strict=True)) for one in proof.events]
    late = [one for one in events if one["ingest_time"] > proof.known_as_of_us]
    if late:
        raise _problem(
            "event_must_be_known_by_then",
            f"ingest_time up to {proof.known_as_of_us}",
            f"{late[0]['ingest_time']} of event {late[0]['event_id']}",
        )
    sales = [one for one in events if one["family"] == "sales"]
    control = [one for one in events if one["family"] == "control"]
    kinds = {one["event_type"] for one in sales} - set(SIGNS)
    if len(sales) + len(control) != len(events) or kinds:
        found = ", ".join(sorted(kinds)) or "another family"
        raise _problem("event_must_be_a_sale", " or ".join(SIGNS), found)
    _require_store_and_day(proof, sales, control)
    _require_decided_to_count(sales, control)
    if cells_of(sales) != proof.cells:
        raise _problem(
            "figure_must_be_the_sum_of_its_events", str(cells_of(sales)), str(proof.cells)
        )


def _frame(proof: FigureProof) -> pl.DataFrame:
    """The events as rows with the lake's types."""
    try:
        integers = {
            column.name: pl.Int64
            if column.kind in (Kind.INSTANT, Kind.DECIMAL)
            else column.kind.polars_type
            for column in CANONICAL
        }
        columns = dict(zip(COLUMNS, zip(*proof.events, strict=True), strict=True))
        plain = pl.DataFrame(columns, schema=integers, strict=True)
        return plain.select(
            pl.col(column.name).cast(column.kind.polars_type)
            if column.kind is Kind.INSTANT
            else _decimal(column.name)
            if column.kind is Kind.DECIMAL
            else pl.col(column.name)
            for column in CANONICAL
        ).cast(CANONICAL_SCHEMA)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _problem(
            "event_must_have_its_columns", "values of the types of the lake", text
        ) from None


def _decimal(name: str) -> pl.Expr:
    """Unscaled integers as DECIMAL(18,4), exactly."""
    scale = Decimal(1).scaleb(-DECIMAL_SCALE)
    return (pl.col(name).cast(pl.Decimal(38, 0)) * pl.lit(scale)).cast(
        pl.Decimal(18, DECIMAL_SCALE)
    )


def _require_in_the_lake(
    proof: FigureProof, rows: pl.DataFrame, verifiers: Sequence[Verifier]
) -> None:
    signed = open_checkpoint(proof.checkpoint, verifiers)
    if signed.origin != origin_of(proof.lake_id):
        raise _problem("checkpoint_must_be_of_this_lake", origin_of(proof.lake_id), signed.origin)
    try:
        nodes = base64.b64decode(proof.nodes, validate=True)
        if base64.b64encode(nodes).decode("ascii") != proof.nodes:
            raise ValueError("base64 in another form")
        indexes = rows["row_index"].to_numpy().astype(np.int64)
        root = root_of_proof(indexes, canonical.leaf_hashes(rows), signed.size, nodes)
    except (ValueError, binascii.Error) as error:
        raise _problem("proof_must_have_its_nodes", "the nodes it needs", str(error)) from None
    if root != signed.root:
        raise _problem(
            "events_must_be_in_the_signed_lake", f"root {signed.root.hex()}", f"root {root.hex()}"
        )


def _require_store_and_day(
    proof: FigureProof, sales: Sequence[Event], control: Sequence[Event]
) -> None:
    days = _days(proof.store_id, control)
    try:
        day = date.fromisoformat(proof.business_date)
        bounds = [
            (seq, one.start_us(day), one.start_us(day + timedelta(days=1))) for seq, one in days
        ]
    except (ValueError, KeyError, OverflowError) as error:
        raise _problem("store_must_have_days", "a date, zone and cut-off", str(error)) from None
    for event in sales:
        _, start_us, end_us = next(one for one in reversed(bounds) if one[0] <= event["commit_seq"])
        in_day = start_us <= event["event_time"] < end_us
        if event["store_id"] != proof.store_id or not in_day:
            raise _problem(
                "event_must_be_of_the_store_and_day",
                f"store {proof.store_id}, {proof.business_date}",
                f"event {event['event_id']} of {event['store_id']} at {event['event_time']} us",
            )


def _days(store_id: str, control: Sequence[Event]) -> list[tuple[int, StoreDays]]:
    """(commit from which, days) of the store, as its proven registrations say."""
    found = [(-1, StoreDays())]
    for event in control:
        if event["event_type"] == REGISTERED:
            said = parse_payload(event)
            if event["store_id"] == store_id:
                days = StoreDays(said["time_zone"], said["day_cut_off"])
                found.append((event["commit_seq"], days))
    return found


def _require_decided_to_count(sales: Sequence[Event], control: Sequence[Event]) -> None:
    """An event that was decided about counts only by its last decision."""
    last = {
        said["event_id"]: said["decision"]
        for event in control
        if event["event_type"] == DECIDED
        for said in [parse_payload(event)]
    }
    ids = {event["event_id"] for event in sales}
    for event_id, decision in last.items():
        if event_id not in ids or decision not in BOOKED:
            raise _problem(
                "decided_event_must_count", f"an event of the figure, {BOOKED}", decision
            )


def parse_payload(event: Event) -> Mapping[str, Any]:
    """The payload of a control event, an object; its bytes are in the leaf."""
    try:
        said = json.loads(event["payload"])
    except ValueError as error:
        raise _problem("payload_must_be_readable", "JSON", str(error)) from None
    return said if isinstance(said, dict) else {}


def _sum(name: str, events: Iterable[Event]) -> str | None:
    """Sum of unscaled integers, as plain text."""
    values = [SIGNS[one["event_type"]] * one[name] for one in events if one[name] is not None]
    if not values:
        return None
    with localcontext(prec=SUM_DIGITS):
        return f"{Decimal(sum(values)).scaleb(-DECIMAL_SCALE):.{DECIMAL_SCALE}f}"


def _problem(rule: str, expected: str, found: str) -> IncorrectInput:
    return IncorrectInput(
        rule,
        thing="figure proof",
        expected=expected,
        found=found,
        remedy="Make it again with `ledgerlake prove sales`; if it fails again, ask who gave it.",
    )
