"""Lateness policies by source and period: which are in force, and setting one.

Does not choose or apply them (`ledger.policies`, dbt). Called by `policy`.
"""

from dataclasses import dataclass, replace
from datetime import date

from ledger.books import Books
from ledger.control_events import LatenessPolicySet
from ledger.policies import PROPOSED, Policy, choose
from orchestration.close import signing
from orchestration.close.signing import When
from orchestration.desk.known import read_known
from orchestration.home import Home


@dataclass(frozen=True, kw_only=True)
class Set:
    """`new` is False when the scope had this very policy already."""

    policy: Policy
    new: bool


def in_force(books: Books) -> list[Policy]:
    """The newest policy of each scope, the most general first; what is proposed if there is none.

    A scope is source, period and effective date.
    """
    newest = {(one.source, one.period_id, one.effective_from): one for one in books.policies}
    return sorted(newest.values(), key=_order) or [PROPOSED]


def applying(books: Books, *, source: str, business_date: date) -> Policy:
    """The policy an event of this source and day would be judged by if it came now."""
    period_id = books.calendar.period_of(business_date).period_id
    return choose(books.policies, source=source, business_date=business_date, period_id=period_id)


def set_policy(home: Home, event: LatenessPolicySet, *, when: When) -> Set:
    """Record a policy for its scope, in force from this commit on."""
    scope = (event.source, event.period_id, event.effective_from)
    books = read_known(home).books
    wanted = Policy(**vars(event))
    for one in books.policies[::-1]:
        if (one.source, one.period_id, one.effective_from) == scope:
            if replace(one, commit_seq=-1) == wanted:
                return Set(policy=one, new=False)
            break
    signing.record(home, [event], when)
    return Set(policy=read_known(home).books.policies[-1], new=True)


def _order(one: Policy) -> tuple[bool, bool, str, str, date]:
    return (
        one.source is not None,
        one.period_id is not None,
        one.source or "",
        one.period_id or "",
        one.effective_from or date.min,
    )
