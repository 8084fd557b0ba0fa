"""How commands speak: one result as tables or as JSON, progress on a terminal, errors as text.

Exit codes: 0 done, 1 a check failed or our own state is broken, 2 wrong use, 130 interrupted.
Does not decide anything. Called by every command.
"""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.markup import escape as escape  # noqa: PLC0414 commands draw with it
from rich.table import Table
from rich.text import Text

from ledger.currency import decimals
from ledger.errors import IncorrectInput, InternalFault, LedgerlakeError, NotSupported

DONE, CHECK_FAILED, WRONG_USE = 0, 1, 2
INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM, as shells have it."""

MONEY_NAMES = ("amount", "balance", "reported_amount", "correction_amount")

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


def console() -> Console:
    """Standard output, as wide as the terminal; piped output is not cut at 80 columns."""
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def emit(result: object, *, as_json: bool, human: Callable[[Console], None]) -> None:
    """Print `result` as JSON, or let `human` draw it."""
    if as_json:
        sys.stdout.write(json.dumps(plain(result), ensure_ascii=False, indent=2) + "\n")
    else:
        human(console())


def plain(value: Any) -> Any:
    """JSON form: amounts as text (never floats), instants in UTC with `Z`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | Path) else value


def instant(value: datetime) -> str:
    """An instant in UTC, to the second unless it holds more."""
    text = value.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")


def cell(value: object, *, money: bool = False) -> str:
    """A value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return instant(value.replace(microsecond=0))
    if isinstance(value, Decimal):
        return _decimal(value, money=money)
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def _decimal(value: Decimal, *, money: bool) -> str:
    """All digits that say something; money with at least two after the point."""
    return f"{value:,.{max(decimals(value), 2 if money else 0)}f}"


def with_own_decimals(row: Mapping[str, Any]) -> dict[str, Any]:
    """For a table: amounts as text with the decimals they have, which it would not keep."""
    return {name: f"{one:,}" if isinstance(one, Decimal) else one for name, one in row.items()}


def table(
    rows: Sequence[Mapping[str, object]], *, title: str | None = None, numbers: Sequence[str] = ()
) -> RenderableType:
    """Rows with equal keys as a table; `numbers` names the right-aligned columns.

    Columns that say nothing in every row are left out. The title is as wide as it is: a table would
    break it where its own columns end.
    """
    drawn = Table(box=SIMPLE_HEAD)
    names = [name for name in rows[0] if any(row[name] not in (None, "(none)") for row in rows)]
    for name in names:
        drawn.add_column(
            name.replace("_", " "),
            justify="right" if name in numbers else "left",
            no_wrap=any(isinstance(row[name], datetime | date) for row in rows),
        )
    for row in rows:
        drawn.add_row(*(cell(row[name], money=name.startswith(MONEY_NAMES)) for name in names))
    return drawn if title is None else Group(Text.from_markup(title, style="table.title"), drawn)


def pairs(values: Mapping[str, object], *, title: str | None = None) -> Table:
    """One thing as a two-column table."""
    drawn = Table(title=title, title_justify="left", show_header=False, box=None)
    drawn.add_column(style="bold")
    drawn.add_column()
    for name, value in values.items():
        drawn.add_row(name.replace("_", " "), cell(value))
    return drawn


@contextmanager
def progress(label: str, *, as_json: bool = False) -> Iterator[Progress]:
    """A bar on a terminal, silence elsewhere."""
    if as_json or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.progress import Progress as Bars  # noqa: PLC0415 only a terminal needs it

    with Bars(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(label, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def fail(error: LedgerlakeError, *, as_json: bool) -> int:
    """Print what failed, expected, found and what to do; returns the exit code."""
    if as_json:
        body = {
            "error": error.rule,
            "family": type(error).__name__,
            "thing": error.thing,
            "expected": error.expected,
            "found": error.found,
            "remedy": error.remedy,
        }
        sys.stdout.write(json.dumps(body, ensure_ascii=False, indent=2) + "\n")
    else:
        _print_error(error)
    return exit_code(error)


def exit_code(error: LedgerlakeError) -> int:
    """2 when the caller can repair it, 1 when our own state is broken."""
    return WRONG_USE if isinstance(error, IncorrectInput | NotSupported) else CHECK_FAILED


def machine_refused(error: OSError) -> LedgerlakeError:
    """A refusal of the operating system (permission, full disk) in the form of our errors."""
    return InternalFault(
        "machine_must_allow_it",
        thing=str(error.filename or "the system"),
        expected="the operation to be allowed",
        found=error.strerror or str(error),
        remedy="Run `ledgerlake doctor`; nothing half done is visible to readers.",
    )


def _print_error(error: LedgerlakeError) -> None:
    families = {
        IncorrectInput: "incorrect input",
        NotSupported: "not supported",
        InternalFault: "internal fault",
    }
    draw_refusal(
        next((t for kind, t in families.items() if isinstance(error, kind)), "error"), error
    )


def draw_refusal(family: str, error: LedgerlakeError) -> None:
    """What was refused and why, on standard error."""
    out = Console(stderr=True, highlight=False, soft_wrap=True)
    out.print(f"[bold red]{family}[/]: {escape(error.rule)}")
    out.print(f"  {escape(error.thing)}")
    out.print(f"  expected: {escape(error.expected)}")
    out.print(f"  found:    {escape(error.found)}")
    if error.remedy:
        out.print(f"  do:       {escape(error.remedy)}")
