"""Telling people: a line in `alerts/<month>.jsonl`, and a POST to a webhook if one is set.

Holds `Alert` and `Alerts`. An alert is told once for its id, however often it is asked for; one
that the webhook did not take is tried again, and the file says which were. Does not decide what
is worth telling. Called by Dagster's sensors.
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ingestion.lake.writer import Clock, system_clock
from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.publish.edition import sync_folder
from orchestration.settings import Settings
from orchestration.status import at


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Something people should look at. `alert_id` is the same whenever the same is meant."""

    alert_id: str
    kind: str
    title: str
    details: Mapping[str, str | int]


class Alerts:
    """Where alerts of one home go."""

    def __init__(self, settings: Settings, *, now: Clock = system_clock) -> None:
        self._folder = Home.of(settings).alerts
        self._webhook = settings.alerts.webhook_url
        self._seconds = settings.alerts.webhook_seconds
        self._now = now

    def tell(self, alert: Alert) -> bool:
        """Tell an alert where it was not told yet; False if it was told everywhere before.

        IncorrectInput when the webhook does not take it: the line is written, and the next call
        tries the webhook again.
        """
        done = {str(line["event"]) for line in self._lines() if line["alert_id"] == alert.alert_id}
        if "raised" not in done:
            self._append(alert, "raised", kind=alert.kind, title=alert.title, **alert.details)
        deliver = bool(self._webhook) and "delivered" not in done
        if deliver:
            self._post(alert)
            self._append(alert, "delivered", to=str(urlsplit(self._webhook).hostname))
        return deliver or "raised" not in done

    def _post(self, alert: Alert) -> None:
        body = {
            "alert_id": alert.alert_id,
            "kind": alert.kind,
            "text": alert.title,
            "details": dict(alert.details),
        }
        request = urllib.request.Request(
            self._webhook,
            data=json.dumps(body, sort_keys=True).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": alert.alert_id},
        )
        try:
            with urllib.request.urlopen(request, timeout=self._seconds):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # it holds the answer's socket
            raise IncorrectInput(
                "alert_must_be_delivered",
                thing=f"alert {alert.alert_id} to {urlsplit(self._webhook).hostname}",
                expected="an answer of 2xx",
                found=str(error),
                remedy="It is tried again; see alerts.webhook_url. The alert is in the file.",
            ) from error

    def _lines(self) -> Iterator[dict[str, Any]]:
        for path in sorted(self._folder.glob("*.jsonl")):
            for line in path.read_bytes().splitlines():
                # A line torn by a crash told nobody anything.
                if line.startswith(b"{") and line.endswith(b"}"):
                    yield json.loads(line)

    def _append(self, alert: Alert, event: str, **values: str | int) -> None:
        moment = at(self._now())
        line = {"alert_id": alert.alert_id, "event": event, "at": moment.isoformat(), **values}
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{moment:%Y-%m}.jsonl"
        # One write, and a line end before it: two writers do not mix, a torn line spoils no other.
        data = b"\n" + json.dumps(line, ensure_ascii=False).encode() + b"\n"
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_folder(self._folder)
