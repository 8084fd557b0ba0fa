"""Who performs which step of a payment.

Holds `payment_hands`. Decides nothing. Called by the runner of sagas.
"""

from ledger.payments import Order
from ledger.sagas import Action, Result, key_of
from orchestration.payments.account_steps import STEPS, AccountSteps
from orchestration.payments.ports import PaymentGateway, ReceiptSender
from orchestration.sagas.hands import Hands


def payment_hands(
    gateway: PaymentGateway, receipts: ReceiptSender, account_steps: AccountSteps
) -> Hands:
    """Capturing, refunding and receipts by others; what moves on accounts by ourselves."""

    def capture(action: Action) -> Result:
        order = Order.of(action.details)
        return gateway.capture(
            key=action.key, order=action.saga_id, amount=order.amount, currency=order.currency
        )

    def refund(action: Action) -> Result:
        captured_by = key_of(action.saga_id, "capture_payment")
        return gateway.refund(key=action.key, capture_key=captured_by)

    def send(action: Action) -> Result:
        order = Order.of(action.details)
        return receipts.send(
            key=action.key, order=action.saga_id, amount=order.amount, currency=order.currency
        )

    return Hands(
        calls={"capture_payment": capture, "refund_payment": refund, "send_receipt": send},
        own=STEPS,
        perform=account_steps.perform,
    )
