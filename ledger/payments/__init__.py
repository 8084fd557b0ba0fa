"""The payment of an order: reserve, capture, settle, receipt; or back to where it was.

Holds `PAYMENT`, its definition, and the rule for orders. Who performs the steps:
`orchestration.payments`. Called by the codec of sagas and the runner.
"""

from ledger.payments.definition import PAYMENT, Order

__all__ = ["PAYMENT", "Order"]
