"""A schema registry on loopback: the parts of Confluent's HTTP API that the client calls.

A real HTTP server with the documented paths, codes and content type, for tests of the client.
Judges compatibility by Avro's rules. Not a test itself.
"""

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ingestion.contracts.avro_resolution import problems

TYPE = "application/vnd.schemaregistry.v1+json"


@dataclass
class Registry:
    """`subjects` holds the ids under each, `schemas` the texts by id; `calls` what was asked."""

    user: str | None = None
    broken: bool = False
    subjects: dict[str, list[int]] = field(default_factory=dict)
    schemas: list[str] = field(default_factory=list)
    levels: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        self.calls.append((method, path))
        if found := re.fullmatch(r"/config/([^/]+)", path):
            self.levels[found[1]] = body["compatibility"]
            return 200, body
        if found := re.fullmatch(r"/subjects/([^/]+)", path):
            return self._find(found[1], body["schema"])
        if found := re.fullmatch(r"/subjects/([^/]+)/versions", path):
            return self._register(found[1], body["schema"])
        if found := re.fullmatch(r"/compatibility/subjects/([^/]+)/versions\?verbose=true", path):
            if found[1] not in self.subjects:
                return 404, {"error_code": 40401, "message": "Subject not found."}
            messages = self._broken(found[1], body["schema"])
            return 200, {"is_compatible": not messages, "messages": messages}
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _find(self, subject: str, schema: str) -> tuple[int, object]:
        if subject not in self.subjects:
            return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
        for number in self.subjects[subject]:
            if self.schemas[number - 1] == schema:
                return 200, {"subject": subject, "id": number, "schema": schema}
        return 404, {"error_code": 40403, "message": "Schema not found"}

    def _register(self, subject: str, schema: str) -> tuple[int, object]:
        if messages := self._broken(subject, schema):
            return 409, {"error_code": 409, "message": "; ".join(messages)}
        if schema not in self.schemas:
            self.schemas.append(schema)
        number = self.schemas.index(schema) + 1
        ids = self.subjects.setdefault(subject, [])
        if number not in ids:
            ids.append(number)
        return 200, {"id": number}

    def _broken(self, subject: str, schema: str) -> list[str]:
        level = self.levels.get(subject, "BACKWARD")
        old = [json.loads(self.schemas[one - 1]) for one in self.subjects.get(subject, ())]
        compared = old if level.endswith("_TRANSITIVE") else old[-1:]
        new, found = json.loads(schema), []
        for one in compared:
            if level.startswith(("BACKWARD", "FULL")):
                found += problems(new, one)
            if level.startswith(("FORWARD", "FULL")):
                found += problems(one, new)
        return [one.text for one in found]


@contextmanager
def running(registry: Registry) -> Iterator[Registry]:
    """The registry behind a port of its own, as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == TYPE
            code, said = self._judged(json.loads(content))
            text = b"<html>no registry</html>" if registry.broken else json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Type", TYPE)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def _judged(self, body: dict[str, Any]) -> tuple[int, object]:
            if registry.user is not None:
                wanted = f"Basic {base64.b64encode(registry.user.encode()).decode()}"
                if self.headers.get("Authorization") != wanted:
                    return 401, {"error_code": 401, "message": "Unauthorized"}
            return registry.answer(self.command, self.path, body)

        do_POST = do_PUT = _answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
