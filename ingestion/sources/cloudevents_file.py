"""CloudEvents JSON files as chunks of rows: one event, a batch (array), or one event a line.

Holds `CloudEventsSource`. An invalid event of a batch is rejected alone; a file that is no JSON
at all is refused. Does not map rows. Called by `ingestion.sources.open_source`.
"""

import json
from collections.abc import Iterator, Mapping

import polars as pl

from ingestion.sources import cloudevents
from ingestion.sources.chunk import REJECTED, SourceChunk
from ingestion.sources.json_rows import Broken, Extractor, Path, decoded
from ingestion.sources.limits import Limits
from ingestion.sources.local_file import LocalFile
from ingestion.sources.text_blocks import blocks
from ledger.errors import IncorrectInput, NotSupported

_SPACE = " \t\r\n"


class CloudEventsSource:
    """Events of one file; `paths` says where the mapping's columns lie in each event."""

    def __init__(self, file: LocalFile, limits: Limits, paths: Mapping[str, Path]) -> None:
        self._file, self._limits, self._paths = file, limits, paths
        self.columns = tuple(paths)
        self.rows = -1
        self._spans: list[tuple[int, int]] = []
        self._text = ""

    def verify(self) -> None:
        """Read the whole file and find its events."""
        self._text = self._read()
        self._spans = list(self._events())
        self.rows = len(self._spans)

    def chunks(self, start: int) -> Iterator[SourceChunk]:
        """Events from `start` on."""
        for first in range(start, self.rows, self._limits.chunk_rows):
            yield self._chunk(first, min(first + self._limits.chunk_rows, self.rows))

    def _chunk(self, first: int, stop: int) -> SourceChunk:
        extractor = Extractor(self._paths)
        offsets, payload, rejected = [], [], []
        for offset in range(first, stop):
            begin, end = self._spans[offset]
            text = self._text[begin:end]
            try:
                event, _ = decoded(text)
                cloudevents.validate(event)
                extractor.add(event)
            except Broken as verdict:
                raw = text.encode()
                rejected.append((offset, verdict.rule, verdict.detail, raw))
                continue
            offsets.append(offset)
            payload.append(text)
        return SourceChunk(
            start=first,
            stop=stop,
            offsets=pl.Series("offset", offsets, dtype=pl.Int64),
            columns=extractor.columns(),
            payload=pl.Series("payload", payload, dtype=pl.String),
            raw=None,
            rejected=pl.DataFrame(rejected, schema=REJECTED, orient="row"),
        )

    def _read(self) -> str:
        parts, size = [], 0
        for block in blocks(self._file, self._limits):
            parts.append(block)
            size += len(block)
            if size > self._limits.record_bytes_max:
                raise NotSupported(
                    "document_must_be_within_the_limit",
                    thing=self._file.thing,
                    expected=f"at most {self._limits.record_bytes_max:,} bytes",
                    found="more",
                    remedy="Send JSON lines (format = 'jsonl'), which are read in pieces.",
                )
        try:
            return b"".join(parts).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self._refused("text in UTF-8", f"a bad byte at {error.start}") from None

    def _events(self) -> Iterator[tuple[int, int]]:
        """(start, stop) of every event's text. IncorrectInput where the JSON breaks."""
        text, at = self._text, self._skip(0)
        batch = text.startswith("[", at)
        at = self._skip(at + 1) if batch else at
        if batch and text.startswith("]", at):
            self._require_end(at + 1)
            return
        while at < len(text):
            stop = self._value_end(at)
            yield at, stop
            at = self._skip(stop)
            if not batch:
                continue
            if text.startswith("]", at):
                self._require_end(at + 1)
                return
            if not text.startswith(",", at):
                raise self._refused("',' or ']' after an event of a batch", self._near(at))
            at = self._skip(at + 1)
        if batch:
            raise self._refused("']' at the end of a batch", "the end of the file")

    def _value_end(self, at: int) -> int:
        """Where the JSON value at `at` ends. One with a duplicate key ends all the same."""
        try:
            return decoded(self._text, at)[1]
        except Broken as verdict:
            end = _end_without_rules(self._text, at)
            if end is None:
                raise self._refused("JSON", f"{verdict.found}, {self._near(at)}") from None
            return end

    def _skip(self, at: int) -> int:
        while at < len(self._text) and self._text[at] in _SPACE:
            at += 1
        return at

    def _require_end(self, at: int) -> None:
        rest = self._skip(at)
        if rest < len(self._text):
            raise self._refused("nothing after the batch", self._near(rest))

    def _near(self, at: int) -> str:
        return f"{self._text[at : at + 40]!r} at character {at}"

    def _refused(self, expected: str, found: str) -> IncorrectInput:
        return IncorrectInput(
            "file_must_be_cloudevents_json",
            thing=self._file.thing,
            expected=expected,
            found=found,
            remedy="Send the file again; nothing of it was taken.",
        )


def _end_without_rules(text: str, at: int) -> int | None:
    """Where a JSON value ends when duplicate keys and the like are let pass; None: no JSON."""
    try:
        return json.JSONDecoder().raw_decode(text, at)[1]
    except (json.JSONDecodeError, RecursionError):
        return None
