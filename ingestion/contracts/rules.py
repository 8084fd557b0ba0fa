"""A rule over rows, and finding the first one each row breaks.

Holds `Rule` and `first_broken`. Does not know events or columns.
Called by `contracts.checks` and by mappings for what they convert.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

FOUND_CHARACTERS_MAX = 200
"""Of a value that broke a rule, the detail quotes this much; the row itself is kept whole."""


@dataclass(frozen=True)
class Rule:
    """`broken` is true for rows that break it (null counts as obeyed).

    `name` is the rule in snake_case, or an expression giving it per row; `found` is text.
    """

    name: str | pl.Expr
    broken: pl.Expr
    expected: str | pl.Expr
    found: pl.Expr

    def name_expr(self) -> pl.Expr:
        return pl.lit(self.name) if isinstance(self.name, str) else self.name

    def detail_expr(self) -> pl.Expr:
        expected = pl.lit(self.expected) if isinstance(self.expected, str) else self.expected
        found = self.found.cast(pl.String).str.slice(0, FOUND_CHARACTERS_MAX)
        return pl.concat_str(
            pl.lit("expected "), expected, pl.lit(", found "), found.fill_null("nothing")
        )


def first_broken(rows: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """(row, reason, detail) of every row that breaks a rule: the first broken one, in rule order.

    Two passes: one boolean over all rows, then names and details for the broken rows only, so
    that a clean chunk costs a few nanoseconds a row.
    """
    marked = rows.select(
        broken=pl.any_horizontal(rule.broken.fill_null(value=False) for rule in rules)
    )
    if marked.height == 1 and rows.height != 1:
        marked = pl.select(broken=pl.repeat(marked.item(), rows.height))
    where = marked.to_series().arg_true()
    if where.is_empty():
        return _named(rows.clear(), where, rules)
    return _named(rows[where], where, rules)


def _named(bad: pl.DataFrame, where: pl.Series, rules: Sequence[Rule]) -> pl.DataFrame:
    reason = pl.coalesce(_if_broken(rule, rule.name_expr()) for rule in rules)
    detail = pl.coalesce(_if_broken(rule, rule.detail_expr()) for rule in rules)
    named = bad.with_row_index("row").select("row", reason=reason, detail=detail)
    return named.select(row=where.cast(pl.Int64), reason="reason", detail="detail")


def _if_broken(rule: Rule, then: pl.Expr) -> pl.Expr:
    return pl.when(rule.broken).then(then)
