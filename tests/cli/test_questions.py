"""Figures as known then and now, corrections, and why: store-3's day of 2 January.

70 sales arrive in time (10 a store), 7 three days late (1 a store: a correction), 7 nine days
late (1 a store: exceptions). `tests.events` gives each sale its amount.
"""

from decimal import Decimal

import polars as pl

from tests.cli.terminal import Terminal
from tests.events import sales

STORE = "store-3"
ASOF = ("asof", "sales", "--store", STORE, "--date", "2026-01-02", "--json")


def _amount(first: int, count: int) -> Decimal:
    mine = sales(first, count).filter(pl.col("store_id") == STORE)
    return Decimal(str(mine["amount"].sum()))


def _asof(terminal: Terminal, known: str) -> Decimal:
    totals = terminal.run(*ASOF, "--known-as-of", known).json["totals"]
    assert len(totals) <= 1
    return Decimal(totals[0]["amount"]) if totals else Decimal(0)


def test_a_figure_as_known_before_after_its_report_and_after_its_correction(
    published: Terminal,
) -> None:
    assert _asof(published, "2026-01-03T01:00:00Z") == 0
    assert _asof(published, "2026-01-03T02:00:00Z") == _amount(0, 70)
    assert _asof(published, "2026-01-05T23:59:59.999999Z") == _amount(0, 70)
    assert _asof(published, "2026-01-06T01:00:00+01:00") == _amount(0, 77)
    assert _asof(published, "now") == _amount(0, 77)


def test_ranges_and_all_stores(published: Terminal) -> None:
    said = published.run(
        "asof",
        "sales",
        "--from",
        "2026-01-01",
        "--to",
        "2026-01-31",
        "--known-as-of",
        "now",
        "--json",
    )
    assert said.json["totals"][0]["event_count"] == 77
    assert {cell["store_id"] for cell in said.json["cells"]} == {f"store-{n}" for n in range(7)}
    drawn = published.run(
        *("asof", "sales", "--from", "2026-01-01", "--to", "2026-01-31"),
        *("--known-as-of", "now", "--rows", "3"),
    )
    cells = len(said.json["cells"])
    assert f"{cells - 3} more rows: --rows {cells}" in drawn.text


def test_an_answer_says_what_its_edition_cannot_know(published: Terminal) -> None:
    drawn = published.run(*ASOF[:-1], "--known-as-of", "2027-01-01T00:00:00Z")
    assert "nothing after 2026-01-12T00:00:00Z" in drawn.text
    nothing = published.run(*ASOF[:-1], "--known-as-of", "2025-01-01T00:00:00Z")
    assert nothing.code == 0 and "none was known" in nothing.text


def test_balance_as_of(published: Terminal) -> None:
    ask = ("asof", "balance", "--account", "account-4", "--valid-as-of", "2026-01-31", "--json")
    early = published.run(*ask, "--known-as-of", "2026-01-03T01:59:59Z").json
    assert early["balances"] == []
    said = published.run(*ask, "--known-as-of", "2026-01-03T02:00:00Z").json
    assert said["balances"][0]["event_count"] == 2
    assert published.run(*ask[:-1], "--known-as-of", "now").text.count("account-4") == 2


def test_corrections_of_a_span_of_knowledge(published: Terminal) -> None:
    ask = ("corrections", "--from", "2026-01-06T00:00:00Z", "--json")
    found = published.run(*ask, "--to", "2026-01-06T00:00:00.000001Z").json["corrections"]
    assert len(found) == 7
    assert {(one["reason"], one["lateness_days"]) for one in found} == {("late_arrival", 3)}
    mine = published.run(*ask, "--store", STORE).json["corrections"]
    assert [Decimal(one["amount_delta"]) for one in mine] == [_amount(70, 7)]
    assert published.run(*ask, "--to", "2026-01-06T00:00:00Z").json["corrections"] == []


def test_explain_tells_the_figure_its_corrections_and_their_events(published: Terminal) -> None:
    ask = ("explain", "sales", "--store", STORE, "--date", "2026-01-02")
    said = published.run(*ask, "--json").json
    figure = said["figures"][0]
    assert Decimal(figure["amount"]) == _amount(0, 77)
    assert Decimal(figure["reported_amount"]) == _amount(0, 70)
    assert len(said["corrections"]) == 1
    correction = said["corrections"][0]
    assert Decimal(correction["amount_delta"]) == _amount(70, 7)
    ids = sales(70, 7).filter(pl.col("store_id") == STORE)["event_id"].to_list()
    assert [one["event_id"] for one in correction["events"]] == ids
    late = sales(77, 7).filter(pl.col("store_id") == STORE)["event_id"].to_list()
    assert [one["event_id"] for one in said["exceptions"]] == late
    drawn = published.run(*ask)
    assert ids[0] in drawn.text and late[0] in drawn.text
    assert "3 days after the first cut-off" in drawn.text
    assert "Too late to be booked on arrival, so that people decide: 1 pending" in drawn.text


def test_explain_draws_as_many_events_as_asked_and_tells_all_to_machines(
    published: Terminal,
) -> None:
    ask = ("explain", "sales", "--store", STORE, "--date", "2026-01-02", "--events")
    mine = sales(70, 14).filter(pl.col("store_id") == STORE)["event_id"].to_list()
    both = published.run(*ask, "1").text
    assert [one in both for one in mine] == [True, True] and "more row" not in both
    none = published.run(*ask, "0").text
    assert [one in none for one in mine] == [False, False]
    assert none.count("1 more row: --events 1, or --json for all.") == 2
    said = published.run(*ask, "0", "--json").json
    told = [*said["corrections"][0]["events"], *said["exceptions"]]
    assert [one["event_id"] for one in told] == mine


def test_explaining_a_day_of_which_nothing_is_known(published: Terminal) -> None:
    done = published.run("explain", "sales", "--store", STORE, "--date", "1999-01-01")
    assert done.code == 0
    assert "nothing is known of that day" in done.text
