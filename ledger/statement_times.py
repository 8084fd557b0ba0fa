"""When a signed statement may say it was made: its `at_us` held against the clocks that are known.

Holds `untimely` and how far clocks may differ. Knows no books and no signatures. Called by
`ledger.rules` in the step of a commit and by its re-check, and by `audit` offline.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ledger.instants import utc

SKEW_US = 5 * 60_000_000
"""The signer's clock and the lake's may differ by 5 minutes: a clock set over the network is within
a second, one left alone for a year within minutes. A signer is not trusted further."""

LONGEST_WAIT_US = 7 * 24 * 3_600_000_000
"""A statement is recorded within 7 days of being signed, or is worth nothing: long enough to sign
away from the lake over a holiday, short enough that nobody brings up what was long forgotten."""


class Untimely(NamedTuple):
    """A broken rule: its name, what would have been right, what was found, what to do."""

    rule: str
    expected: str
    found: str
    remedy: str


def untimely(
    at_us: int,
    *,
    latest_us: int,
    recorded_us: int | None = None,
    added_us: int | None = None,
    asked_us: int | None = None,
) -> Iterator[Untimely]:
    """What is wrong with a statement signed at `at_us`, by each clock given, in microseconds.

    `latest_us`: when it was in the lake at the latest; `recorded_us`: its own commit's time;
    `added_us`: when its signer was added; `asked_us`: what the request it answers says.
    """
    found = f"signed at {utc(at_us)}"
    if at_us > latest_us + SKEW_US:
        yield Untimely(
            "statement_must_not_be_signed_in_the_future",
            f"a time up to 5 minutes after {utc(latest_us)}, when it was in the lake",
            found,
            "Set the clock of the machine that signs, then sign again.",
        )
    if recorded_us is not None and at_us < recorded_us - LONGEST_WAIT_US:
        yield Untimely(
            "statement_must_be_recorded_within_7_days",
            f"a time up to 7 days before {utc(recorded_us)}, when it was recorded",
            found,
            "Sign it again, if it is still meant; look at the clock of the machine that signs.",
        )
    if added_us is not None and at_us < added_us - SKEW_US:
        yield Untimely(
            "statement_must_be_signed_after_its_person_was_added",
            f"a time from {utc(added_us)} on, when that person was added, less 5 minutes",
            found,
            "Sign it again: what somebody signed before they were added counts for nothing.",
        )
    if asked_us is not None and at_us < asked_us - SKEW_US:
        yield Untimely(
            "answer_must_not_be_signed_before_its_request",
            f"a time from {utc(asked_us)} on, when the request was signed, less 5 minutes",
            found,
            "Look at the clocks of the machines that sign, then answer again.",
        )
