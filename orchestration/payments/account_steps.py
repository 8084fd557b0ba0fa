"""The steps of a payment in our own ledger: commands to the account, many at once.

Holds `AccountSteps`. Each step has one key, so however often it is performed it is done once.
Before a step is taken back its key is used up: whoever is still about to perform it is refused
then. Called by the runner of sagas.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ingestion.journal import Accepted, Answer, Handler, Rejected, Request, VersionConflict
from ledger import accounts
from ledger.accounts import Account, AccountCommand, AccountEvent, Moment, moment_of
from ledger.books import Books
from ledger.control_events import canonical_json
from ledger.errors import LedgerlakeError
from ledger.payments import Order
from ledger.sagas import Action, Refused, Result, Succeeded, Unknown, key_of

AccountHandler = Handler[Account, AccountCommand, AccountEvent]

UNDOES: Final[Mapping[str, str]] = {
    "release_funds": "reserve_funds",
    "return_funds": "settle_funds",
}
STEPS: Final = frozenset({*UNDOES, *UNDOES.values()})
_NOTHING: Final = Decimal(0)


@dataclass(frozen=True)
class AccountSteps:
    """Performs steps through the journal. `books` and `now` are asked once per group."""

    handler: AccountHandler
    books: Callable[[], Books]
    now: Callable[[], int]

    def perform(self, actions: Sequence[Action]) -> list[Result]:
        """What became of each, durable."""
        desk = _Dated(self.books(), self.now())
        results: dict[int, Result] = {}
        undoing = [at for at, one in enumerate(actions) if one.step in UNDOES]
        used = self.handler.handle_many([desk.using_up(actions[at]) for at in undoing])
        for at, answer in zip(undoing, used, strict=True):
            if isinstance(answer, Rejected):
                results[at] = Succeeded(reference="nothing to undo")
            elif not isinstance(answer, Accepted):
                results[at] = _result(answer)
        left = [at for at in range(len(actions)) if at not in results]
        for at in left:
            if actions[at].step == "release_funds" and not self._is_held(actions[at]):
                results[at] = Succeeded(reference="nothing held any more")
        left = [at for at in left if at not in results]
        answers = self.handler.handle_many([desk.request(actions[at]) for at in left])
        results |= {at: _result(answer) for at, answer in zip(left, answers, strict=True)}
        return [results[at] for at in range(len(actions))]

    def _is_held(self, action: Action) -> bool:
        """Not if it was paid: then the payment was returned instead."""
        state, _ = self.handler.state(action.details["account_id"])
        return action.saga_id in state.holds


@dataclass(frozen=True)
class _Dated:
    """Requests of one moment."""

    books: Books
    now_us: int

    def request(self, action: Action) -> Request[AccountCommand]:
        return _request(action.key, action.step, action, self._command(action))

    def using_up(self, action: Action) -> Request[AccountCommand]:
        """Under the key of what is to be undone: its answer if it was performed. If not, a
        movement of nothing, which is always refused; and so is whoever comes later."""
        step = UNDOES[action.step]
        order = Order.of(action.details)
        kind = accounts.Reserve if step == "reserve_funds" else accounts.Capture
        command = kind(
            at=self._at(None), amount=_NOTHING, currency=order.currency, hold_id=action.saga_id
        )
        return _request(key_of(action.saga_id, step), step, action, command)

    def _command(self, action: Action) -> AccountCommand:
        order, hold = Order.of(action.details), action.saga_id
        if action.step == "release_funds":
            return accounts.Release(at=self._at(None), hold_id=hold)
        kind = {
            "reserve_funds": accounts.Reserve,
            "settle_funds": accounts.Capture,
            "return_funds": accounts.Refund,
        }[action.step]
        at = self._at(order.amount)
        return kind(at=at, amount=order.amount, currency=order.currency, hold_id=hold)

    def _at(self, amount: Decimal | None) -> Moment:
        return moment_of(self.books, now_us=self.now_us, event_time_us=self.now_us, amount=amount)


def _request(
    key: str, step: str, action: Action, command: AccountCommand
) -> Request[AccountCommand]:
    body = canonical_json({"saga_id": action.saga_id, "step": step, **action.details})
    return Request(
        stream_id=action.details["account_id"], key=key, body=body.encode(), command=command
    )


def _result(answer: Answer | LedgerlakeError) -> Result:
    if isinstance(answer, Accepted):
        return Succeeded(reference=answer.event_ids[0])
    if isinstance(answer, Rejected):
        broken = answer.rejection
        return Refused(reason=f"{broken.rule}: expected {broken.expected}, found {broken.found}")
    if isinstance(answer, VersionConflict):
        return Unknown(reason=str(answer))
    return Refused(reason=str(answer))
