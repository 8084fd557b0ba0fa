"""What rows of the lake say of where they came from, as far as a rule asks.

Holds the origin of what the journal drains. Holds no rule. Called by the journal, by the moments of
commands, and by the gate in front of the lake.
"""

from typing import Final

JOURNAL: Final = "journal"
JOURNAL_PARTITION: Final = "0"
"""Source and partition of drained events; their offset is the journal's position. A file may call
its source the same, and then has its hash for a partition."""
