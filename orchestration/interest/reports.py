"""Reports of a replay: every affected account as CSV, the whole on one page of HTML.

Does not compute: what is shown stands in the plan. Called by `plan`.
"""

import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from orchestration.interest.amounts import written
from orchestration.interest.difference import why
from orchestration.interest.planned import CSV, HTML, Plan
from orchestration.publish.edition import replace_durably

LARGEST = 100
"""Accounts the page shows; the CSV has all."""

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}th,td{padding:.3rem .8rem;text-align:left;"
    "border-bottom:1px solid #ccc}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
)
_TEXTS = {"account_id", "currency", "because"}


def write(folder: Path, plan: Plan, rows: pl.DataFrame, reasons: Sequence[str]) -> None:
    """Write both into the plan's folder."""
    shown = rows.select(
        *("account_id", "currency", "old", "new", "delta"),
        *map(why, reasons),
        pl.when("material").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("to_be_posted"),
        "event_id",
    )
    into = io.BytesIO()
    shown.write_csv(into)
    replace_durably(folder / CSV, into.getvalue())
    replace_durably(folder / HTML, _page(plan, shown).encode())


def _page(plan: Plan, shown: pl.DataFrame) -> str:
    title = f"Interest of {plan.period_id}: {plan.from_algorithm} to {plan.to_algorithm}"
    largest = shown.sort(pl.col("delta").abs(), descending=True).head(LARGEST)
    facts = [
        f"{plan.compared:,} balances compared, {plan.affected:,} differ,"
        f" {plan.corrections:,} corrections to post.",
        f"Balances as known at commit {plan.known_as_of_commit:,} (edition {plan.edition}).",
    ]
    if Decimal(plan.materiality):
        facts.append(
            f"A difference below {plan.materiality}, in units of its currency, is not posted."
        )
    if plan.decides:
        facts.append(
            f"{plan.decides:,} corrections cannot be booked in {plan.period_id}"
            f" ({plan.goes_to_people}): they are prior-period adjustments of the first open period."
        )
    parts = [
        f"<h1>{escape(title)}</h1>",
        *(f"<p>{escape(one)}</p>" for one in facts),
        "<h2>By currency</h2>",
        _table(plan.sums),
        "<h2>Why</h2>",
        _table(plan.why),
        f"<h2>The {min(LARGEST, shown.height)} largest differences</h2>",
        _table(largest.drop("event_id").to_dicts()),
    ]
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>\n"
        + "\n".join(parts)
        + "\n</html>\n"
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "<p>None.</p>"
    head = "".join(f"<th{_side(name)}>{escape(name.replace('_', ' '))}</th>" for name in rows[0])
    body = "\n".join(
        "<tr>"
        + "".join(f"<td{_side(name)}>{escape(str(one))}</td>" for name, one in written(row).items())
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"


def _side(name: str) -> str:
    return "" if name in _TEXTS else ' class="n"'
