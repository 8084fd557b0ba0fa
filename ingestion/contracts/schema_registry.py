"""A small client of Confluent Schema Registry's HTTP API: ask for, compare and register contracts.

Holds `SchemaRegistry` and `push`. Standard library only. Reads no environment: the address comes as
an argument. Called by `ledgerlake contracts export --registry`.
"""

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingestion.contracts.avro import avro_schema
from ingestion.contracts.compatibility import standing
from ingestion.contracts.registry import Contract, Level
from ledger.errors import IncorrectInput, NotSupported

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
TIMEOUT_S = 10.0
"""For one call. A registry answers in milliseconds; one that does not is down."""

_FALLBACKS: tuple[Level, ...] = ("forward_transitive", "forward")

NOT_FOUND = (40401, 40402, 40403)
"""Subject, version, schema."""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """One version in the registry: its id, and whether this call brought it."""

    contract: str
    subject: str
    schema_id: int
    is_new: bool


class SchemaRegistry:
    """One registry. `url` may carry `user:password@`, sent as basic authentication."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise IncorrectInput(
                "registry_must_be_an_http_address",
                thing="address of the schema registry",
                expected="an address such as http://localhost:8081",
                found=repr(_without_secret(parts)),
            )
        self.shown = _without_secret(parts)
        self._base = self.shown.rstrip("/")
        self._headers = {"Accept": CONTENT_TYPE, "Content-Type": CONTENT_TYPE}
        if parts.username is not None:
            names = (parts.username, parts.password or "")
            pair = ":".join(map(urllib.parse.unquote, names)).encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        self._timeout_s = timeout_s

    def find(self, subject: str, schema: Mapping[str, Any]) -> int | None:
        """Id of this very schema under the subject; None if it is not there."""
        found = self._call("POST", f"/subjects/{_quoted(subject)}", _body(schema), absent_ok=True)
        return None if found is None else int(found["id"])

    def fits(self, subject: str, schema: Mapping[str, Any]) -> list[str]:
        """Why the registry would refuse this schema as the subject's next; empty: it would not."""
        path = f"/compatibility/subjects/{_quoted(subject)}/versions?verbose=true"
        answer = self._call("POST", path, _body(schema), absent_ok=True)
        if answer is None or answer["is_compatible"]:
            return []
        return [str(one) for one in answer.get("messages", [])] or ["incompatible"]

    def register(self, subject: str, schema: Mapping[str, Any]) -> int:
        """Bring the schema to the registry, which gives its id. Again: the same id."""
        path = f"/subjects/{_quoted(subject)}/versions"
        answer = self._call("POST", path, _body(schema))
        assert answer is not None
        return int(answer["id"])

    def demand(self, subject: str, level: str) -> None:
        """Set the compatibility the registry demands of the subject's next versions."""
        body = {"compatibility": level.upper()}
        self._call("PUT", f"/config/{_quoted(subject)}", body)

    def _call(
        self, method: str, path: str, body: object, *, absent_ok: bool = False
    ) -> dict[str, Any] | None:
        request = urllib.request.Request(
            self._base + path, json.dumps(body).encode(), self._headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:
                return self._read(path, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                said = self._said(error)
            if absent_ok and said.get("error_code") in NOT_FOUND:
                return None
            raise IncorrectInput(
                "schema_registry_must_accept_it",
                thing=f"{method} {path} at {self.shown}",
                expected="an answer without error",
                found=f"{error.code} {said.get('error_code', '')}: {said.get('message', '')}",
                remedy="401 or 403: put user:password@ into the address. 409: the schema breaks the"
                " subject's compatibility; see `ledgerlake contracts check`.",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise NotSupported(
                "schema_registry_must_answer",
                thing=f"schema registry {self.shown}",
                expected=f"an answer in {self._timeout_s:g} s",
                found=str(getattr(error, "reason", error)) or type(error).__name__,
                remedy="Start it, or correct the address; nothing here depends on it.",
            ) from error

    def _read(self, path: str, content: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise NotSupported(
                "schema_registry_must_speak_its_protocol",
                thing=f"{path} at {self.shown}",
                expected="a JSON object",
                found=repr(content[:80]),
                remedy="Name the address of a schema registry.",
            )
        return answer

    def _said(self, error: urllib.error.HTTPError) -> dict[str, Any]:
        try:
            said = json.loads(error.read())
        except (ValueError, OSError, http.client.HTTPException):
            said = None
        return said if isinstance(said, dict) else {"message": str(error.reason)}


def push(registry: SchemaRegistry, history: Sequence[Contract], *, suffix: str) -> list[Pushed]:
    """All versions of one type, oldest first, under subject `<Type><suffix>`.

    The subject is told to demand nothing while they go in, for the registry knows no upcasters and
    would refuse what they bridge; then it demands what `kept_by_avro` says. Again: nothing is new.
    """
    subject = history[-1].event_type + suffix
    schemas = [avro_schema(one) for one in history]
    found = [registry.find(subject, schema) for schema in schemas]
    if None in found:
        registry.demand(subject, "none")
    pushed = [
        Pushed(
            contract=contract.name,
            subject=subject,
            schema_id=registry.register(subject, schema) if before is None else before,
            is_new=before is None,
        )
        for contract, schema, before in zip(history, schemas, found, strict=True)
    ]
    if None in found:
        registry.demand(subject, kept_by_avro(history))
    return pushed


def kept_by_avro(history: Sequence[Contract]) -> Level:
    """What the newest contract promises, if it keeps it without upcasters; else what it does keep
    of old readers reading new events, or nothing."""
    kept = standing([replace(one, upcast=()) for one in history]).kept
    promised = history[-1].compatibility
    return next((one for one in (promised, *_FALLBACKS) if one in kept), "none")


def _body(schema: Mapping[str, Any]) -> dict[str, str]:
    return {"schemaType": "AVRO", "schema": json.dumps(schema, separators=(",", ":"))}


def _quoted(subject: str) -> str:
    return urllib.parse.quote(subject, safe="")


def _without_secret(parts: urllib.parse.SplitResult) -> str:
    place = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit((parts.scheme, place, parts.path, "", ""))
