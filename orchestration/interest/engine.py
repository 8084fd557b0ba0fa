"""Interest of many accounts at once: SQL generated from the declarations.

Holds the text and running it. Day by day, as `ledger.interest.accrual` does it for one account, in
the same whole numbers, so that both agree to the last minor unit. Does not read balances from
anywhere (`balances`) or post. Called by `accrue` and `replay`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from ledger.errors import NotSupported
from ledger.interest.accrual import BALANCE_DIGITS, DayRates, PeriodRates, period_rates
from ledger.interest.algorithms import Algorithm
from ledger.interest.rounding import Rounding

CHUNK_DAYS = 31
"""Days in one statement: each is a subquery around the one before, and planning grows with them."""

WIDTHS = ("bigint", "hugeint")
"""64 bits are six times as fast and hold what nearly every account needs; an overflow is an error
in DuckDB, never a wrong figure, and has all of it done again in 128."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What to compute: `variants` side by side, for the days from `first` until before `end`.

    `movements` is a relation of account_id, currency, d1 ... dn: d1 is what lay there at the
    beginning of the first day, each other what was added the day before, in 1/10000 (hugeint).
    """

    variants: Sequence[Algorithm]
    first: date
    end: date
    movements: str

    @property
    def days(self) -> int:
        return (self.end - self.first).days


def compute(connection: duckdb.DuckDBPyConnection, work: Work, *, into: str) -> None:
    """Fill table `into`: account_id, currency, v0 ... vk: minor units by variant.

    Accounts in a currency none of the variants has rates for are left out.
    """
    for width in WIDTHS:
        try:
            _compute(connection, work, into=into, width=width)
            return
        except (duckdb.OutOfRangeException, duckdb.ConversionException) as error:
            overflow = str(error).splitlines()[0]
    raise NotSupported(
        "balance_must_fit_128_bits",
        thing=f"interest from {work.first} until {work.end}",
        expected="balances whose interest fits 128 bits in accrual units",
        found=overflow,
        remedy="Declare fewer accrual_digits, or look for a balance that cannot be right.",
    )


def _compute(connection: duckdb.DuckDBPyConnection, work: Work, *, into: str, width: str) -> None:
    columns = ", ".join(f"v{number} {width}" for number in range(len(work.variants)))
    connection.execute(
        f"create or replace temp table {into} (account_id varchar, currency varchar, {columns})"
    )
    held = connection.execute(f"select distinct currency from {work.movements}").fetchall()
    declared = {one for variant in work.variants for one in variant.rates}
    for currency in sorted(declared & {one for (one,) in held}):
        rates = [period_rates(one, currency, work.first, work.end) for one in work.variants]
        for statement in statements(rates, work.movements, into=into, width=width):
            connection.execute(statement)


def statements(
    rates: Sequence[PeriodRates], movements: str, *, into: str, width: str
) -> Iterator[str]:
    """The SQL of one currency: chunk by chunk of days, then the amounts."""
    days, currency = len(rates[0].days), rates[0].currency
    zeros = "".join(f", cast(0 as {width}) as a{number}" for number in range(len(rates)))
    so_far, joined = f"account_id, cast(0 as {width}) as b{zeros}", movements
    for start in range(0, days, CHUNK_DAYS):
        stop = min(start + CHUNK_DAYS, days)
        moves = "".join(
            f", cast(d{day} as {width}) as d{day}" for day in range(start + 1, stop + 1)
        )
        source = f"select {so_far}{moves} from {joined} where currency = '{currency}'"
        for day in range(start, stop):
            source = _one_day(source, rates, day, stop)
        if stop < days:
            yield f"create or replace temp table {into}_so_far as {source}"
            so_far = f"{into}_so_far.*"
            joined = f"{into}_so_far inner join {movements} using (account_id)"
    amounts = "".join(
        f", {_rounded(f'a{number}', one.minor_unit, one.algorithm.rounding)} as v{number}"
        for number, one in enumerate(rates)
    )
    yield (
        f"insert into {into} select account_id, '{currency}' as currency{amounts} from ({source})"
    )


def _one_day(source: str, rates: Sequence[PeriodRates], day: int, stop: int) -> str:
    """One more day around `source`: b the balance at its beginning, a what was earned so far."""
    rest = "".join(f", d{number}" for number in range(day + 2, stop + 1))
    accrued = "".join(f", a{number}" for number in range(len(rates)))
    begun = f"select account_id{rest}{accrued}, b + d{day + 1} as b from ({source})"
    weighted = "".join(
        f", {_weighted(one, one.days[day], number)} as x{number}"
        for number, one in enumerate(rates)
    )
    earned = f"select account_id{rest}{accrued}, b{weighted} from ({begun})"
    added = "".join(
        f", a{number} + {_rounded(f'x{number}', one.denominator, one.algorithm.daily_rounding)}"
        f" as a{number}"
        for number, one in enumerate(rates)
    )
    return f"select account_id{rest}, b{added} from ({earned})"


def _weighted(rates: PeriodRates, day: DayRates, number: int) -> str:
    """The day's interest before it is divided: basis times the share of its tier.

    Where each part earns its own tier's share, the tiers below add the same to every basis.
    """
    scale = 10 ** (rates.basis_digits - BALANCE_DIGITS)
    basis = "b" if scale == 1 else f"b * {scale}"
    if rates.algorithm.compounding == "daily":
        basis = f"({basis} + a{number})"
    whens, constant, below = [f"when {basis} < 0 then {basis} * {day.overdraft}"], 0, 0
    for (start, share), following in zip(day.tiers, [*day.tiers[1:], None], strict=True):
        if rates.algorithm.tiering == "each_part":
            constant += start * (below - share)
            below = share
        earns = f"{basis} * {share}" + (f" + {constant}" if constant else "")
        bound = "else" if following is None else f"when {basis} < {following[0]} then"
        whens.append(f"{bound} {earns}")
    return f"(case {' '.join(whens)} end)"


def _rounded(value: str, by: int, mode: Rounding) -> str:
    """`ledger.interest.rounding.divide` in SQL."""
    if by == 1:
        return value
    size = f"abs({value})"
    match mode:
        case "toward_zero":
            whole = f"{size} // {by}"
        case "half_away":
            whole = f"(2 * {size} + {by}) // {2 * by}"
        case "half_even":
            doubled = f"(2 * {size} + {by})"
            tie = f"{doubled} % {2 * by} = 0 and {doubled} // {2 * by} % 2 = 1"
            whole = f"{doubled} // {2 * by} - cast({tie} as integer)"
    return f"(sign({value}) * ({whole}))"
