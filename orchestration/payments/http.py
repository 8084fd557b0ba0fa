"""Payment gateway and receipts by HTTP: JSON by POST, the key in the header `Idempotency-Key`.

Holds `HttpGateway` and `HttpReceipts`. Tries nothing twice: the saga does. What an answer means:
2xx done, 4xx refused (but 408, 409, 425 and 429), all else nobody knows. Called by the steps.
"""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ledger.sagas import Refused, Result, Succeeded, Unknown

_NOT_YET: Final = (408, 409, 425, 429)
"""Too slow, at work on this key, too early, too many: the same request may still be done."""
_ANSWER_BYTES_MAX: Final = 65_536
"""More is no answer of a gateway."""


@dataclass(frozen=True, kw_only=True)
class HttpGateway:
    """A payment gateway at `url`: POST captures, POST refunds."""

    url: str
    seconds: float

    def capture(self, *, key: str, order: str, amount: Decimal, currency: str) -> Result:
        body = {"order": order, "amount": f"{amount:f}", "currency": currency}
        return _post(f"{self.url.rstrip('/')}/captures", key, body, self.seconds)

    def refund(self, *, key: str, capture_key: str) -> Result:
        body = {"capture_key": capture_key}
        return _post(f"{self.url.rstrip('/')}/refunds", key, body, self.seconds)


@dataclass(frozen=True, kw_only=True)
class HttpReceipts:
    """A sender of receipts at `url`: POST receipts."""

    url: str
    seconds: float

    def send(self, *, key: str, order: str, amount: Decimal, currency: str) -> Result:
        body = {"order": order, "amount": f"{amount:f}", "currency": currency}
        return _post(f"{self.url.rstrip('/')}/receipts", key, body, self.seconds)


def _post(url: str, key: str, body: dict[str, str], seconds: float) -> Result:
    """One request, one answer. `seconds` bounds every wait for the other side."""
    request = urllib.request.Request(
        url,
        data=json.dumps(body, sort_keys=True).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": key},
    )
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return _read(answer.read(_ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:  # it holds the answer's socket
            said = error.read(_ANSWER_BYTES_MAX).decode(errors="replace")
        reason = f"{error.code} {said}".strip()
        if 400 <= error.code < 500 and error.code not in _NOT_YET:
            return Refused(reason=reason)
        return Unknown(reason=reason)
    except (OSError, http.client.HTTPException) as error:
        return Unknown(reason=f"{type(error).__name__}: {error}")


def _read(data: bytes) -> Result:
    """A clear yes is an object with an `id`; half an answer is none."""
    try:
        found: Any = json.loads(data)
        return Succeeded(reference=str(found["id"]))
    except (ValueError, KeyError, TypeError):
        return Unknown(reason=f"an answer that cannot be read: {data[:100]!r}")
