"""What was closed: one row per closed edition, as its certificate says it.

Holds reading and drawing. Called by `orchestration.demo.report`.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from rich.console import Console
from rich.rule import Rule

from audit.certificate import Certificate, read_certificate
from ingestion.control.books import load_books
from ledger.control_events import PeriodClosed
from orchestration.cli import output
from orchestration.close.closed_figures import certificate_path, closes
from orchestration.demo.month_end import HASH_DIGITS
from orchestration.demo.verifying import Checked
from orchestration.home import Home

NUMBERS = ("edition", "sales", "amount", "late_events", "warnings")


def draw(console: Console, home: Home, checked: Checked) -> None:
    """The table of closed editions; nothing if there is none."""
    rows = list(rows_of(home, checked))
    if rows:
        console.print(Rule("What was closed, with the late events decided about", align="left"))
        console.print(output.table(rows, numbers=NUMBERS))


def rows_of(home: Home, checked: Checked) -> Iterator[Mapping[str, object]]:
    """Oldest first. A certificate that does not hold is not quoted."""
    holds = {(one.period_id, one.closed_edition) for one in checked.certificates if one.ok}
    for close in closes(load_books(home.lake)):
        good = (close.period_id, close.closed_edition) in holds
        yield {
            "period": close.period_id,
            "edition": close.closed_edition,
            **(_quoted(home, close) if good else dict.fromkeys(NUMBERS[1:])),
            "certificate": close.certificate_sha256[:HASH_DIGITS],
            "verified": "ok" if good else "WRONG",
        }


def _quoted(home: Home, close: PeriodClosed) -> Mapping[str, object]:
    path = certificate_path(home, close.period_id, close.closed_edition)
    certificate = read_certificate(path.read_bytes())
    return {
        "sales": int(_total(certificate, "event_count")),
        "amount": _total(certificate, "amount"),
        "late_events": len(certificate.exceptions),
        "warnings": sum(not one.success for one in certificate.gate.controls),
    }


def _total(certificate: Certificate, column: str) -> Decimal:
    """The demo's sales are in one currency."""
    return sum(
        (
            Decimal(one.value)
            for one in certificate.control_totals
            if (one.figure, one.column) == ("period_sales", column)
        ),
        Decimal(0),
    )
