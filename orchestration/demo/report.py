"""The demo's report: what came in, what changed, whether it adds up, what to try next.

Holds reading and drawing; the questions lie in `questions`. Reads the published edition only, as
any reader would. Called by `orchestration.demo.__main__`.
"""

import shlex
import shutil
import sys
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
from rich.console import Console
from rich.rule import Rule
from rich.table import Table

from orchestration.cli import output
from orchestration.demo import close_report, questions
from orchestration.demo.steps import relative, sample
from orchestration.demo.verifying import Checked
from orchestration.home import Home
from orchestration.settings import Settings

Row = dict[str, object]


@dataclass(frozen=True)
class Moment:
    """The total of a day as known at an instant, and what made it change."""

    known_as_of: datetime
    because: str
    amount: Decimal
    events: int


@dataclass(frozen=True)
class Findings:
    """All that the report says."""

    arrivals: Row
    decided: dict[str, int]
    late_events: int
    corrections: int
    day: date | None
    moments: list[Moment]
    largest: list[Row]
    exceptions: list[Row]
    restated: str | None
    cells: int
    broken_cells: int

    @property
    def conserved(self) -> bool:
        """Every accepted event went somewhere, and every figure is explained."""
        routed = (self.arrivals["booked"], *self.decided.values())
        total = sum(count for count in routed if isinstance(count, int))
        return total == self.arrivals["accepted"] and self.broken_cells == 0


def show(chosen: Settings, checked: Checked) -> int:
    """Print the report. Returns 1 if it does not add up, or a check found something altered."""
    findings = find(chosen)
    console = output.console()
    for draw in (_arrivals, _one_day, _largest, _exceptions):
        draw(console, findings)
    close_report.draw(console, Home.of(chosen), checked)
    _law(console, findings, checked)
    _next(console, findings)
    return output.DONE if findings.conserved and checked.ok else output.CHECK_FAILED


def find(chosen: Settings) -> Findings:
    """Ask the published edition."""
    with duckdb.connect(str(Home.of(chosen).current), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        late_events, corrections = _rows(connection, questions.CORRECTED)[0].values()
        most_corrected = _rows(connection, questions.MOST_CORRECTED_DAY)
        day = most_corrected[0]["business_date"] if most_corrected else None
        return Findings(
            arrivals={
                k: int(str(v or 0)) for k, v in _rows(connection, questions.ARRIVALS)[0].items()
            },
            decided={
                str(row["status"]): int(str(row["events"]))
                for row in _rows(connection, questions.DECIDED)
            },
            late_events=int(str(late_events)),
            corrections=int(str(corrections)),
            day=day if isinstance(day, date) else None,
            moments=_moments(connection, day) if isinstance(day, date) else [],
            largest=_rows(connection, questions.LARGEST_CORRECTIONS),
            exceptions=_rows(connection, questions.EXCEPTIONS),
            restated=_restated(connection),
            cells=int(str(_value(connection, questions.CELLS))),
            broken_cells=int(str(_value(connection, questions.BROKEN_CELLS))),
        )


def _moments(connection: duckdb.DuckDBPyConnection, day: date) -> list[Moment]:
    found = []
    for change in _rows(connection, questions.MOMENTS_OF_A_DAY, day=day):
        known = change["known_from"]
        assert isinstance(known, datetime)
        row = _rows(connection, questions.DAY_AS_OF, day=day, known_as_of=known)[0]
        amount, events = row.values()
        assert isinstance(amount, Decimal)
        found.append(Moment(known, str(change["because"]), amount, int(str(events))))
    return found


def _restated(connection: duckdb.DuckDBPyConnection) -> str | None:
    found = _rows(connection, questions.RESTATED)
    return str(found[0]["period_id"]) if found else None


def _rows(connection: duckdb.DuckDBPyConnection, query: str, **values: object) -> list[Row]:
    cursor = connection.execute(query, values)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _value(connection: duckdb.DuckDBPyConnection, query: str) -> object:
    return next(iter(_rows(connection, query)[0].values()))


def _arrivals(console: Console, findings: Findings) -> None:
    console.print(Rule("What came in", align="left"))
    values = {
        "events received": findings.arrivals["received"],
        "booked to their day": findings.arrivals["booked"],
        "  of these after the day was reported": findings.late_events,
        "too late, decided: booked in an open month": findings.decided.get("next_period", 0),
        "too late, decided: booked in a restated month": findings.decided.get("restated", 0),
        "too late, decided: rejected": findings.decided.get("rejected", 0),
        "too late, waiting for a decision": findings.decided.get("pending", 0),
        "duplicate": findings.arrivals["duplicate"],
        "quarantined": findings.arrivals["quarantined"],
    }
    drawn = Table(show_header=False, box=None)
    drawn.add_column()
    drawn.add_column(justify="right")
    for name, value in values.items():
        drawn.add_row(name, output.cell(value))
    console.print(drawn)


def _one_day(console: Console, findings: Findings) -> None:
    if findings.day is None:
        return
    console.print(Rule(f"One figure, known at {len(findings.moments)} moments", align="left"))
    console.print(f"Sales of {findings.day}, all stores, GBP:")
    rows: list[Row] = [
        {
            "known as of": moment.known_as_of,
            "sales": moment.amount,
            "events": moment.events,
            "because": moment.because,
        }
        for moment in findings.moments
    ]
    console.print(output.table(rows, numbers=("sales", "events")))


def _largest(console: Console, findings: Findings) -> None:
    if not findings.largest:
        return
    console.print(Rule(f"Largest of {findings.corrections} corrections", align="left"))
    numbers = ("days_late", "events", "before", "delta", "after")
    console.print(output.table(findings.largest, numbers=numbers))


def _exceptions(console: Console, findings: Findings) -> None:
    if not findings.exceptions:
        return
    title = "Too late for their day: in no figure until two people have decided"
    console.print(Rule(title, align="left"))
    console.print(output.table(findings.exceptions, numbers=("days_late", "events", "amount")))


def _law(console: Console, findings: Findings, checked: Checked) -> None:
    console.print(Rule("Does it add up", align="left"))
    arrivals, decided = findings.arrivals, findings.decided
    booked = sum(decided.get(one, 0) for one in ("next_period", "restated"))
    console.print(
        f"accepted {arrivals['accepted']:,} = booked {arrivals['booked']:,} + decided and booked"
        f" {booked:,} + rejected {decided.get('rejected', 0):,}"
        f" + waiting {decided.get('pending', 0):,}"
    )
    console.print(
        f"reported + corrections = current: {findings.cells - findings.broken_cells:,} of"
        f" {findings.cells:,} cells"
    )
    if checked.home:
        console.print("chain, segments, leaves and root: verified")
    if checked.certificates:
        good = sum(one.ok for one in checked.certificates)
        console.print(f"certificates: {good} of {len(checked.certificates)} verified")
    holds = findings.conserved and checked.ok
    console.print("[bold green]it does[/]" if holds else "[bold red]IT DOES NOT[/]")


def _next(console: Console, findings: Findings) -> None:
    console.print(Rule("Try next", align="left"))
    program = _program()
    for question, arguments in next_commands(findings):
        console.print(f"[dim]# {question}[/]", soft_wrap=True)
        console.print(f"{program} {shlex.join(arguments)}", soft_wrap=True, markup=False)


def next_commands(findings: Findings) -> list[tuple[str, list[str]]]:
    """(question, arguments of the command that answers it), about what the report showed."""
    commands = [("How do lake, warehouse and edition stand?", ["status"])]
    if findings.day is None or not findings.largest:
        return commands
    top, day = findings.largest[0], str(findings.day)
    store, corrected = str(top["store"]), str(top["business_date"])
    reported = output.instant(findings.moments[0].known_as_of)
    first, last = (output.instant(findings.moments[at].known_as_of) for at in (0, -1))
    return [
        (
            f"Why did the sales of {store} on {corrected} change, and by which events?",
            ["explain", "sales", "--store", store, "--date", corrected],
        ),
        (
            f"What did we report for {day}?",
            ["asof", "sales", "--date", day, "--known-as-of", reported],
        ),
        ("What is it now?", ["asof", "sales", "--date", day, "--known-as-of", "now"]),
        (
            "Which figures changed between its first and its last version?",
            ["corrections", "--from", first, "--to", last],
        ),
        *commands,
        ("Which late events still wait for two people?", ["exceptions", "list"]),
        ("Which periods are closed, since when, by whom?", ["periods", "list"]),
        *_about_closing(findings),
        ("Was anything altered?", ["verify"]),
        (
            "How would my own file look as events?",
            [
                *(
                    "ingest",
                    "files",
                    str(relative(sample() / "online_retail.parquet")),
                    "--dry-run",
                ),
                *("--mapping", str(relative(sample() / "online_retail.toml"))),
            ],
        ),
    ]


def _dry_run() -> list[str]:
    file, mapping = (relative(sample() / f"online_retail.{kind}") for kind in ("parquet", "toml"))
    return ["ingest", "files", str(file), "--dry-run", "--mapping", str(mapping)]


def _about_closing(findings: Findings) -> list[tuple[str, list[str]]]:
    if findings.restated is None:
        return []
    return [
        ("What did the restatement change, row by row?", ["diff", findings.restated]),
        ("What certifies it?", ["certificates", "list"]),
    ]


def _program() -> str:
    """How the user can call the command line from here."""
    if shutil.which("ledgerlake"):
        return "ledgerlake"
    return str(relative(Path(sys.executable).with_name("ledgerlake")))
