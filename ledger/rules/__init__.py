"""May these control events come? Each broken rule has a name, told as a rejection.

Holds `check`, which tries a batch event by event on the books. Does not read a lake or verify
signatures itself: both come in as evidence. Called by the choke point and the re-check of a lake.
"""

from ledger.deciding import Rejection
from ledger.rules.batch import check
from ledger.rules.rejection import Evidence

__all__ = ["Evidence", "Rejection", "check"]
