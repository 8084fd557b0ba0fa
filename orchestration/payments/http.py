"""Payment gateway and receipts by HTTP: JSON by POST, the key in the header `Idempotency-Key`.

Holds `HttpGateway` and `HttpReceipts`. Tries nothing twice: the saga does. What an answer means:
2xx done, 4xx refused (but 401, 408, 409, 425 and 429), all else nobody knows. Called by the steps.
"""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from ledger.errors import IncorrectInput
from ledger.sagas import Refused, Result, Succeeded, Unknown
from orchestration.payments.bearer import BearerToken

_NOT_YET: Final = (401, 408, 409, 425, 429)
"""A token that is not taken, too slow, at work on this key, too early, too many: the same request
may still be done."""
_ANSWER_BYTES_MAX: Final = 65_536
"""More is no answer of a gateway."""


@dataclass(frozen=True, kw_only=True)
class _Service:
    """Somebody at `url` who knows us by `token`; `seconds` bounds every wait for an answer."""

    url: str
    seconds: float
    token: BearerToken = field(default_factory=BearerToken)

    def _post(self, path: str, key: str, body: dict[str, str]) -> Result:
        """One request, one answer."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        try:
            token = self.token.read()
        except IncorrectInput as error:
            return Unknown(reason=str(error))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(
            f"{self.url.rstrip('/')}/{path}",
            data=json.dumps(body, sort_keys=True).encode(),
            headers=headers,
        )
        try:
            with _OPENER.open(request, timeout=self.seconds) as answer:
                return _read(_hidden(token, answer.read(_ANSWER_BYTES_MAX)))
        except urllib.error.HTTPError as error:
            with error:  # it holds the answer's socket
                said = _hidden(token, error.read(_ANSWER_BYTES_MAX)).decode(errors="replace")
            reason = f"{error.code} {said}".strip()
            if 400 <= error.code < 500 and error.code not in _NOT_YET:
                return Refused(reason=reason)
            return Unknown(reason=reason)
        except (OSError, http.client.HTTPException) as error:
            return Unknown(reason=f"{type(error).__name__}: {error}")


class HttpGateway(_Service):
    """A payment gateway: POST captures, POST refunds."""

    def capture(self, *, key: str, order: str, amount: Decimal, currency: str) -> Result:
        body = {"order": order, "amount": f"{amount:f}", "currency": currency}
        return self._post("captures", key, body)

    def refund(self, *, key: str, capture_key: str) -> Result:
        return self._post("refunds", key, {"capture_key": capture_key})


class HttpReceipts(_Service):
    """A sender of receipts: POST receipts."""

    def send(self, *, key: str, order: str, amount: Decimal, currency: str) -> Result:
        body = {"order": order, "amount": f"{amount:f}", "currency": currency}
        return self._post("receipts", key, body)


class _NowhereElse(urllib.request.HTTPRedirectHandler):
    """An order, and the token, go to whom the settings name and to nobody that he names."""

    def redirect_request(self, *_asked: object) -> None:
        """Left as the answer it is."""


_OPENER: Final = urllib.request.build_opener(_NowhereElse)


def _hidden(token: str, data: bytes) -> bytes:
    """What is answered is kept for ever, so a token that comes back in it is taken out."""
    return data.replace(token.encode(), b"(token)") if token else data


def _read(data: bytes) -> Result:
    """A clear yes is an object with an `id`; half an answer is none."""
    try:
        found: Any = json.loads(data)
        return Succeeded(reference=str(found["id"]))
    except (ValueError, KeyError, TypeError):
        return Unknown(reason=f"an answer that cannot be read: {data[:100]!r}")
