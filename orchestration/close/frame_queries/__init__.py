"""The queries behind the control frames: one `.sql` per frame, `gate_*.sql` for the sums several
of them stand on, `arrivals.sql` for the lateness curve. What a frame's columns mean is said by the
suite of its name in `expectations`.

Rows are sorted, so that samples and digests are the same; money stays decimal. Does not run them.
Called by `orchestration.close.frames`.
"""

from importlib.resources import files

from ledger.currency import MINOR_DIGITS

SUMS = ("gate_sales_days", "gate_arrivals", "gate_uploads")

FRAMES = (
    "completeness",
    "control_totals",
    "roll_forward",
    "conservation",
    "exceptions",
    "freshness",
    "volume",
    "earlier_closes",
)


def query(name: str) -> str:
    return files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")


def to_the_cent() -> str:
    """SQL of the macro `gate_to_the_cent(amount, currency)`: an amount in whole minor units of its
    currency, or as it is where it has none.

    Every branch has four decimals: DuckDB gives a CASE the type of its first branch otherwise, and
    whole yen would make whole pounds.
    """
    by_digits: dict[int, list[str]] = {}
    for code, digits in MINOR_DIGITS.items():
        if digits is not None:
            by_digits.setdefault(digits, []).append(f"'{code}'")
    cases = " ".join(
        f"when currency in ({', '.join(codes)})"
        f" then cast(round(amount, {digits}) as decimal(38, 4))"
        for digits, codes in by_digits.items()
    )
    return (
        "create or replace temp macro gate_to_the_cent(amount, currency) as"
        f" case {cases} else cast(amount as decimal(38, 4)) end"
    )
