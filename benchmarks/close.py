"""Closing a period that holds half of the history: plan, apply, certificate.

With 20M events of history the period holds 10M.
"""

import time

from benchmarks.books import Books, prepared_books
from benchmarks.measurement import Measurement, Options, script
from benchmarks.prepare import borrowed, days_of

SECONDS_MAX = 60.0


def measure(options: Options) -> list[Measurement]:
    events = options.events
    days = max(days_of(events) // 2, 1)
    with borrowed(prepared_books(options.cache, events, days=days)) as root:
        books = Books(root, events, days=days)
        start = time.perf_counter()
        planned = books.plan(books.last_period)
        planned_at = time.perf_counter()
        books.apply(planned)
        closed_at = time.perf_counter()
    return [
        Measurement(
            what=f"plan of a close, {events // 2:,} events in the period",
            value=planned_at - start,
            unit="s",
        ),
        Measurement(
            what=f"plan, apply and certificate, {events // 2:,} events in the period",
            value=closed_at - start,
            unit="s",
            at_most=SECONDS_MAX,
        ),
    ]


if __name__ == "__main__":
    script("close", measure, events=20_000_000, repeats=1)
