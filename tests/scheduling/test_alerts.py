"""People are told once of what waits or failed, by file and by a real web server."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, OpExecutionContext, job, op

from ledger.errors import IncorrectInput
from orchestration.alerts import Alert, Alerts
from orchestration.settings import Alerts as AlertSettings
from orchestration.settings import Settings
from tests.scheduling.office import DAY, OPENED, Office

ALERT = Alert(alert_id="a-1", kind="failed_run", title="Run 1 failed", details={"run_id": "1"})
NOON_US = 1_780_315_200_000_000
"""2026-06-01T12:00:00Z."""


@dataclass
class Web:
    """A server on this machine that keeps what it is sent, and answers as told."""

    address: str = ""
    status: int = 200
    taken: list[tuple[str, Any]] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.taken.append((self.headers["Idempotency-Key"], json.loads(body)))
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_port}/alerts"
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def _alerts(folder: Path, webhook_url: str = "") -> Alerts:
    settings = Settings(home=folder, alerts=AlertSettings(webhook_url=webhook_url))
    return Alerts(settings, now=lambda: NOON_US)


def _lines(folder: Path) -> list[dict[str, Any]]:
    [path] = (folder / "alerts").glob("*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def test_an_alert_is_a_line_of_the_month_and_told_once(tmp_path: Path) -> None:
    assert _alerts(tmp_path).tell(ALERT)
    assert not _alerts(tmp_path).tell(ALERT)
    assert (tmp_path / "alerts" / "2026-06.jsonl").exists()
    [line] = _lines(tmp_path)
    assert line == {
        "alert_id": "a-1",
        "event": "raised",
        "at": "2026-06-01T12:00:00+00:00",
        "kind": "failed_run",
        "title": "Run 1 failed",
        "run_id": "1",
    }


def test_a_webhook_gets_each_alert_once(tmp_path: Path, web: Web) -> None:
    assert _alerts(tmp_path, web.address).tell(ALERT)
    assert not _alerts(tmp_path, web.address).tell(ALERT)
    [(key, body)] = web.taken
    assert key == "a-1"
    assert body["text"] == "Run 1 failed"
    assert [line["event"] for line in _lines(tmp_path)] == ["raised", "delivered"]


def test_a_webhook_that_fails_is_tried_again(tmp_path: Path, web: Web) -> None:
    web.status = 503
    with pytest.raises(IncorrectInput, match="503") as refused:
        _alerts(tmp_path, web.address).tell(ALERT)
    assert refused.value.rule == "alert_must_be_delivered"
    web.status = 204
    assert _alerts(tmp_path, web.address).tell(ALERT)
    assert [line["event"] for line in _lines(tmp_path)] == ["raised", "delivered"]


def test_a_line_torn_by_a_crash_spoils_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "alerts"
    folder.mkdir()
    (folder / "2026-06.jsonl").write_bytes(b'\n{"alert_id": "a-1", "event": "rai')
    assert _alerts(tmp_path).tell(ALERT)
    assert not _alerts(tmp_path).tell(ALERT)


def test_pending_exceptions_are_told_once_and_again_when_more_come(office: Office) -> None:
    assert office.look("pending_exceptions").said == "No exception is pending."
    office.receive(2, day=OPENED + DAY, arrival=OPENED + 60 * DAY)
    assert office.run("build").success
    said = [office.look("pending_exceptions").said for _ in range(2)]
    assert said == [
        "Told: 2 new exceptions of 2 pending.",
        "2 pending, all told of before.",
    ]
    [line] = _lines(office.home.root)
    assert line["title"] == "2 late events wait for a decision, 2 new"
    assert line["oldest_business_date"] == "2026-01-02"


def test_a_failed_run_is_told_of_with_its_reason(office: Office) -> None:
    assert "No run failed" in str(office.look("failed_runs").said)
    run_id = _failing_run(office.instance)
    assert office.look("failed_runs").said == f"Told of failed runs {run_id[:8]}."
    assert "No run failed" in str(office.look("failed_runs").said)
    office.cursors.clear()  # as if the storage had lost it
    assert "No run failed" in str(office.look("failed_runs").said)
    [line] = _lines(office.home.root)
    assert line["job"] == "broken"
    assert "the till is on fire" in line["reason"]


def _failing_run(instance: DagsterInstance) -> str:
    @op
    def burn(context: OpExecutionContext) -> None:
        raise RuntimeError(f"the till is on fire in {context.run_id}")

    @job
    def broken() -> None:
        burn()

    return broken.execute_in_process(instance=instance, raise_on_error=False).run_id
