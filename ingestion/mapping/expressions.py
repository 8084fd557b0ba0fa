"""Expressions of mapping files: one SQL value per row, over the columns of that row only.

Holds parsing (Polars' SQL expressions: no tables, files or clock in reach), the list of allowed
functions, and evaluation that finds the rows an expression fails on. Called by `mapping.apply`.
"""

import re
from dataclasses import dataclass

import polars as pl
from polars.exceptions import ComputeError, InvalidOperationError, PolarsError

from ledger.errors import IncorrectInput

_CHOICE = ("coalesce", "greatest", "if", "ifnull", "least", "nullif")
_NUMBER = ("abs", "ceil", "ceiling", "div", "exp", "floor", "mod", "pow", "power", "round", "sign")
_CASE = ("initcap", "lower", "upper", "reverse", "replace", "regexp_like", "sqrt", "concat_ws")
_PART = ("left", "right", "substr", "substring", "split_part", "trim", "ltrim", "rtrim", "concat")
_SIZE = ("length", "octet_length", "lpad", "rpad", "position", "strpos", "starts_with", "ends_with")
_CONVERSION = ("cast", "try_cast", "date", "timestamp", "strptime", "strftime")
_DATE = ("date_part", "extract")
ROW_FUNCTIONS = frozenset((*_CHOICE, *_NUMBER, *_CASE, *_PART, *_SIZE, *_CONVERSION, *_DATE))
"""Functions whose value depends on the row's own columns alone. Aggregates and windows would make
an event depend on the rows that happen to share its chunk."""

_NOT_FUNCTIONS = frozenset(
    ["and", "or", "not", "in", "case", "when", "then", "else", "between", "like", "is", "as", "end"]
)
_TYPES_WITH_SIZE = frozenset(["decimal", "numeric", "dec", "varchar", "char", "timestamp"])
_CLOCK_WORDS = ["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"]
_FORBIDDEN_WORDS = frozenset(["select", "over", *_CLOCK_WORDS])
_TEXT_OR_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_CALL = re.compile(r"\b([A-Za-z_][A-Za-z0-9_]*)\s*\(")
_WORD = re.compile(r"\b[A-Za-z_][A-Za-z0-9_]*\b")

EVALUATIONS_MAX = 4_096
"""Evaluations spent on finding failing rows of one chunk, about 0.3 s: some 300 single bad rows.
An expression that fails more often than that does not fit the file."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression and the columns it reads."""

    text: str
    expr: pl.Expr
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Evaluated:
    """One value per row; `failed` maps rows that could not be computed to the engine's message."""

    values: pl.Series
    failed: dict[int, str]


def parse(text: str, *, key: str, thing: str) -> Expression:
    """An expression from its text. IncorrectInput names the mapping's key and what is allowed."""
    _refuse_forbidden(text, key=key, thing=thing)
    try:
        expr = pl.sql_expr(text)
    except PolarsError as error:
        raise _no_sql(text, key, thing, _first_line(error)) from None
    if not expr.meta.undo_aliases().meta.eq(expr):
        raise _no_sql(text, key, thing, "it gives the value a name")
    return Expression(text, expr, tuple(dict.fromkeys(expr.meta.root_names())))


def _no_sql(text: str, key: str, thing: str, why: str) -> IncorrectInput:
    return IncorrectInput(
        "expression_must_be_sql",
        thing=f"{thing}, key {key}",
        expected="an SQL expression over the file's columns",
        found=f"{text!r} ({why})",
        remedy="Quote column names with spaces as \"Unit Price\", texts as 'text'.",
    )


def evaluate(rows: pl.DataFrame, expression: Expression, *, key: str, thing: str) -> Evaluated:
    """The expression's value for every row, null where it fails.

    An expression that fails for no particular row (types that do not fit) is the mapping's fault:
    IncorrectInput.
    """
    try:
        return Evaluated(_select(rows, expression), {})
    except (ComputeError, InvalidOperationError) as error:
        return _around_failures(rows, expression, key, thing, error)
    except PolarsError as error:
        raise _unfit(expression, key, thing, error) from None


def _select(rows: pl.DataFrame, expression: Expression) -> pl.Series:
    values = rows.select(value=expression.expr).to_series()
    if len(values) != rows.height:  # no column in it: one value for all
        return pl.select(pl.repeat(values.item(), rows.height, dtype=values.dtype)).to_series()
    return values


def _around_failures(
    rows: pl.DataFrame, expression: Expression, key: str, thing: str, error: PolarsError
) -> Evaluated:
    """Halve until the failing rows stand alone."""
    failed: dict[int, str] = {}
    parts: dict[int, pl.Series] = {}
    waiting = [(0, rows.height)]
    evaluations = 0
    while waiting:
        start, stop = waiting.pop()
        evaluations += 1
        if evaluations > EVALUATIONS_MAX:
            raise _unfit(expression, key, thing, error)
        try:
            parts[start] = _select(rows[start:stop], expression)
        except (ComputeError, InvalidOperationError) as reason:
            if stop - start == 1:
                failed[start] = _first_line(reason)
            else:
                middle = (start + stop) // 2
                waiting += [(start, middle), (middle, stop)]
    if not parts:
        raise _unfit(expression, key, thing, error)
    dtype = next(iter(parts.values())).dtype
    for row in failed:
        parts[row] = pl.Series([None], dtype=dtype)
    return Evaluated(pl.concat([parts[start] for start in sorted(parts)]), failed)


def _refuse_forbidden(text: str, *, key: str, thing: str) -> None:
    bare = _TEXT_OR_QUOTED.sub(" ", text)
    called = {name.lower() for name in _CALL.findall(bare)}
    unknown = called - ROW_FUNCTIONS - _NOT_FUNCTIONS - _TYPES_WITH_SIZE
    forbidden = {word.lower() for word in _WORD.findall(bare)} & _FORBIDDEN_WORDS
    for word in sorted(unknown | forbidden):
        raise IncorrectInput(
            "expression_must_use_row_functions",
            thing=f"{thing}, key {key}",
            expected=f"only functions of one row: {', '.join(sorted(ROW_FUNCTIONS))}",
            found=f"{word!r} in {text!r}",
            remedy="Each event must depend on its own row alone.",
        )


def _unfit(expression: Expression, key: str, thing: str, error: PolarsError) -> IncorrectInput:
    return IncorrectInput(
        "expression_must_fit_the_file",
        thing=f"{thing}, key {key}",
        expected=f"{expression.text!r} to give a value for the rows of this file",
        found=_first_line(error),
        remedy="Give the columns their types under [columns], or use TRY_CAST.",
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
