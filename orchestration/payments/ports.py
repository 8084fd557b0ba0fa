"""What a payment asks of others: the gateway that moves money, the sender of receipts.

Holds the ports, no adapter (`http`). Called by the steps of a payment; implemented by adapters.
"""

from decimal import Decimal
from typing import Protocol

from ledger.sagas import Result


class PaymentGateway(Protocol):
    """Moves money of the outside world. Every call may be made again with the same key: it is done
    once, and answered alike. Safe to call from several threads."""

    def capture(self, *, key: str, order: str, amount: Decimal, currency: str) -> Result:
        """Take the amount. `Unknown` says that it may have been taken."""

    def refund(self, *, key: str, capture_key: str) -> Result:
        """Give back what was captured under `capture_key`. If nothing was, make sure that nothing
        will be: a capture that is still on its way must be refused when it comes."""


class ReceiptSender(Protocol):
    """Tells the customer; once per key. Safe to call from several threads."""

    def send(self, *, key: str, order: str, amount: Decimal, currency: str) -> Result:
        """Send the receipt of an order."""
