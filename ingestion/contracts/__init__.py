"""Event contracts, one file per event type and version, and their vectorised checks.

Does not read source files or convert values. Called by mappings and `ingestion.file_batches`.
"""

from ingestion.contracts.checks import CHOKE_POINT, JOURNAL, Checked, check
from ingestion.contracts.registry import Contract, Registry, load
from ingestion.contracts.rules import Rule, first_broken

__all__ = [
    "CHOKE_POINT",
    "JOURNAL",
    "Checked",
    "Contract",
    "Registry",
    "Rule",
    "check",
    "first_broken",
    "load",
]
