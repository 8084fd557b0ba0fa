"""An account as it was: at any moment, as known at any other.

Holds `Past`: the nearest snapshot and the events after it, or all events. Called by
`ledgerlake account show --valid-as-of`, `ledgerlake asof balance` at an instant, and benchmarks.
"""

from dataclasses import dataclass, replace

from ledger.accounts import ACCOUNTS, Account, fold
from ledger.errors import IncorrectInput
from orchestration.accounts.lake_events import AccountLake, Span
from orchestration.accounts.snapshots import Snapshots
from orchestration.desk.known import read_known
from orchestration.home import Home


@dataclass(frozen=True, kw_only=True)
class StateAt:
    """`account` with what had happened by `valid_us`, the instant included, and was known at
    `commit`. `snapshot_us` is the snapshot it goes on from, if any; `events`, how many follow."""

    account: Account
    valid_us: int
    commit: int
    snapshot_us: int | None
    events: int


class Past:
    """Past states of one home's accounts. `refused` says why snapshots are left aside, if so.
    IncorrectInput where there is no lake."""

    def __init__(self, home: Home) -> None:
        self._lake = AccountLake(home.lake)
        self.refused: IncorrectInput | None = None
        self._snapshots: Snapshots | None = None
        lake_id = read_known(home).lake_id
        try:
            self._snapshots = Snapshots.open(home, lake_id)
        except IncorrectInput as refused:
            self.refused = refused

    def state_at(self, account_id: str, *, valid_us: int, known_us: int) -> StateAt:
        """Both instants in microseconds UTC, both included."""
        self._lake.refresh()
        commit = self._lake.commit_known(known_us)
        nearest = None
        if self._snapshots is not None:
            nearest = self._snapshots.nearest(account_id, valid_us=valid_us, commit=commit)
        span = Span(valid_us=valid_us, commit=commit)
        state = ACCOUNTS.initial(account_id)
        if nearest is not None:
            span = Span(
                valid_us=valid_us,
                commit=commit,
                from_us=nearest.at_us,
                from_commit=nearest.until_commit,
            )
            state = nearest.account
        told = self._lake.summed(account_id, span)
        return StateAt(
            account=replace(fold(state, told.events, told.moved), recent={}),
            valid_us=valid_us,
            commit=commit,
            snapshot_us=None if nearest is None else nearest.at_us,
            events=told.count,
        )
