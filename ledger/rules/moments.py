"""Rules of when statements were signed: in the lake's time, after what they build on.

Does not hold the limits (`ledger.statement_times`). Called by the rules of requests and locks.
"""

from ledger.books import read_statement
from ledger.deciding import no
from ledger.people import Request, Statement
from ledger.rules.rejection import Case, Rejections
from ledger.statement_times import untimely


def timely(
    case: Case, said: Statement, thing: str, *, answers: Request | None = None
) -> Rejections:
    """`answers`: the request that an approval, a refusal or a revocation is about."""
    recorded_us = case.at.ingest_time_us
    asked_us = read_statement(answers.statements[0])["at_us"] if answers else None
    for one in untimely(
        said.at_us,
        latest_us=recorded_us,
        recorded_us=recorded_us,
        added_us=case.books.people[said.person].added_us,
        asked_us=asked_us,
    ):
        yield no(
            one.rule, f"{thing}, statement of {said.person}", one.expected, one.found, one.remedy
        )
