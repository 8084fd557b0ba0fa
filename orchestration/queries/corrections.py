"""What changed after it was reported, by when the change became known.

Called by `ledgerlake corrections`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestration.home import Home
from orchestration.queries.edition_reader import EditionRead, open_edition

_CORRECTIONS = """
select correction_seq, commit_seq, known_from, store_id, category, channel, currency,
    business_date, amount_before, amount_delta, amount_after, quantity_delta,
    event_count_delta, lateness_days, reason
from corrections($known_from, $known_to)
where $store is null or store_id = $store
order by correction_seq
"""


@dataclass(frozen=True, kw_only=True)
class Corrections:
    """Corrections that became known in [known_from, known_to)."""

    edition: EditionRead
    known_from: datetime
    known_to: datetime
    store: str | None
    corrections: list[dict[str, Any]]


def corrections_between(
    home: Home, *, known_from: datetime, known_to: datetime, store: str | None
) -> Corrections:
    """The feed of corrections of a span of knowledge time, in order."""
    arguments = {"known_from": known_from, "known_to": known_to, "store": store}
    with open_edition(home) as reader:
        return Corrections(
            edition=reader.edition,
            known_from=known_from,
            known_to=known_to,
            store=store,
            corrections=reader.rows(_CORRECTIONS, arguments),
        )
