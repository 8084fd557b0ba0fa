"""A payment gateway and a sender of receipts on this machine, which misbehave as told.

Holds `Web`, a real HTTP server. What it has done outlives it: a new server on the same port goes on
with the same books, as a gateway that died and started again. Called by the tests of sagas.
"""

import hashlib
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Fault = Callable[[str, str, int], str]
"""(path, key, how often it was asked before) -> what goes wrong; "" for nothing."""


def none(_path: str, _key: str, _before: int) -> str:
    """All goes well."""
    return ""


def by_lot(part: float, seed: int) -> Fault:
    """Each request goes wrong with this chance, in any of the ways."""
    kinds = ("fails", "breaks", "lost", "late", "twice", "rubbish", "refuses", "hangs", "later")

    def fault(path: str, key: str, before: int) -> str:
        drawn = hashlib.sha256(f"{seed}/{path}/{key}/{before}".encode()).digest()
        if int.from_bytes(drawn[:4], "big") >= part * 2**32:
            return ""
        kind = kinds[drawn[4] % len(kinds)]
        return "fails" if kind == "refuses" and "refund" in path else kind

    return fault


@dataclass
class Books:
    """What was asked and done, by key: the first answer to a key is its answer for ever."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: dict[tuple[str, str], tuple[int, dict[str, str]]] = field(default_factory=dict)
    captured: dict[str, Decimal] = field(default_factory=dict)
    refunded: dict[str, Decimal] = field(default_factory=dict)
    void: set[str] = field(default_factory=set)
    receipts: list[str] = field(default_factory=list)
    captures_of_order: defaultdict[str, list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def answer(self, path: str, key: str, body: Any, *, refuse: bool) -> tuple[int, dict[str, str]]:
        """Do what is asked, once per key."""
        with self.lock:
            if (path, key) not in self.answers:
                self.answers[path, key] = self._do(path, key, body, refuse)
            return self.answers[path, key]

    def _do(self, path: str, key: str, body: Any, refuse: bool) -> tuple[int, dict[str, str]]:
        if refuse or key in self.void:
            return 402, {"error": "declined"}
        if path == "/captures":
            self.captured[key] = Decimal(body["amount"])
            self.captures_of_order[body["order"]].append(key)
        elif path == "/refunds":
            captured_by = body["capture_key"]
            if captured_by in self.captured:
                self.refunded[captured_by] = self.captured[captured_by]
            self.void.add(captured_by)
        else:
            self.receipts.append(body["order"])
        return 201, {"id": f"{path[1:]}-{len(self.answers)}"}


class _Answering(BaseHTTPRequestHandler):
    def _say(self, status: int, data: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class Web:
    """The server; `fault` may be changed while it runs."""

    def __init__(self, *, fault: Fault = none, books: Books | None = None, port: int = 0) -> None:
        self.fault = fault
        self.books = books or Books()
        self.late_seconds = 0.5
        self.token = ""
        """Who does not bring it is turned away, and told what he brought instead."""
        self.visits = 0
        """Of who does not ask for anything, as one who was sent here."""
        self.elsewhere = ""
        """Where the fault `moved` sends who asks."""
        self._free = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.die()

    def die(self) -> None:
        """Answer no more; whoever hangs is let go without an answer."""
        self._free.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(_Answering):
            def do_GET(self) -> None:
                web.visits += 1
                self._say(404, b"")

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                key = self.headers["Idempotency-Key"]
                with web.books.lock:
                    before = web.books.asked[self.path, key]
                    web.books.asked[self.path, key] += 1
                fault = web.fault(self.path, key, before)
                try:
                    self._behave(fault, key, body)
                except OSError:
                    """Who asked has gone."""

            def _behave(self, fault: str, key: str, body: Any) -> None:
                if self._turned_away(fault):
                    return
                if fault == "breaks":
                    self.close_connection = True
                    return
                if fault == "hangs":
                    web._free.wait()
                    return
                if fault == "later":
                    web._free.wait(web.late_seconds)
                status, said = web.books.answer(self.path, key, body, refuse=fault == "refuses")
                data = json.dumps(said).encode()
                if fault == "lost":
                    self.close_connection = True
                elif fault == "rubbish":
                    self._say(status if status >= 400 else 200, b"<html>")
                elif fault == "late":
                    web._free.wait(web.late_seconds)
                    self._say(status, data)
                else:
                    self._say(status, data)
                    if fault == "twice":
                        self._say(status, data)

            def _turned_away(self, fault: str) -> bool:
                """Answered with nothing done."""
                brought = self.headers.get("Authorization", "")
                if web.token and brought != f"Bearer {web.token}":
                    self._say(401, f"not {brought!r}".encode())
                elif fault == "echoes":
                    self._say(402, brought.encode())
                elif fault == "moved":
                    self._say(302, b"", Location=web.elsewhere)
                elif fault == "fails":
                    self._say(503, b"{}")
                elif fault.isdigit():
                    self._say(int(fault), b"{}")
                else:
                    return False
                return True

        return Handler
