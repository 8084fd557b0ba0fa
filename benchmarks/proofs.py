"""What proofs cost: a certificate checked without its files, a figure of 10,000 events proven.

The check of a certificate is timed from start to exit, as a stranger runs it; that of a figure
without the start of Python and its libraries. The figure lies in a lake of `events` events.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from audit import certificate as parts
from audit.checkpoint import origin_of
from audit.signed_note import Signer
from audit.statement import Statement, events_sha256, note_sha256, sign_statement
from audit.trusted_keys import key_line
from benchmarks import generate
from benchmarks.measurement import Measurement, Options, median_of, script
from benchmarks.prepare import borrowed, open_lake, prepared, settings
from ingestion.lake import Batch, OffsetRange
from orchestration.home import Home
from orchestration.keys import lake_keys
from orchestration.proving import Question, write_proof

FIGURE_EVENTS = 10_000
FILES, EXCEPTIONS, REQUESTS = 2_000, 2_000, 50
CHECK_CERTIFICATE_S, MAKE_S, CHECK_FIGURE_S = 1.0, 1.0, 0.5
STORE = "store-of-the-day"
LIBRARIES = "import polars, pyarrow.parquet, cryptography.hazmat.bindings._rust"


def measure(options: Options) -> list[Measurement]:
    folder = Path(tempfile.mkdtemp(dir=options.cache))
    try:
        start_s = _repeated(options, lambda: _python("-c", LIBRARIES))
        return [_certificate(folder, options), *_figure(folder, options, start_s)]
    finally:
        shutil.rmtree(folder)


# --- certificate ------------------------------------------------------------------------------


def _certificate(folder: Path, options: Options) -> Measurement:
    lake = Signer(name=origin_of("0" * 32), seed=bytes(32))
    made = _large_certificate(lake)
    path = folder / f"{made.stem}.json"
    path.write_bytes(made.to_bytes())
    path.with_suffix(".note").write_text(parts.sign_certificate(made, lake))
    given = ("-m", "audit.verify", str(path), "--key", lake.verifier.to_text())
    return Measurement(
        what=f"check of a certificate, {FILES:,} files not read, {EXCEPTIONS:,} decisions",
        value=_repeated(options, lambda: _python(*given)),
        unit="s",
        at_most=CHECK_CERTIFICATE_S,
    )


def _large_certificate(lake: Signer) -> parts.Certificate:
    ana, ben = (Signer(name=name, seed=name.encode() * 10 + b"xx") for name in ("ana", "ben"))
    digest = hashlib.sha256(b"").hexdigest()
    per_request = EXCEPTIONS // REQUESTS
    exceptions, notes = [], []
    for request in range(REQUESTS):
        ids = [f"event-{request}-{number}" for number in range(per_request)]
        exceptions += [
            parts.DecidedException(
                event_id=one,
                decision="next_period",
                posting_period="2011-04",
                request_id=f"{request:032x}",
            )
            for one in ids
        ]
        subject: dict[str, object] = {
            "decision": "next_period",
            "event_count": per_request,
            "events_sha256": events_sha256(ids),
        }
        notes += _approved(ana, ben, "decide_exceptions", request, subject)
    close: dict[str, object] = {"period_id": "2011-03", "plan_sha256": digest}
    notes += _approved(ana, ben, "close_period", REQUESTS, close)
    return parts.Certificate(
        tenant="default",
        lake_id="0" * 32,
        period=parts.CertifiedPeriod(
            period_id="2011-03",
            first_date="2011-03-01",
            end_date="2011-04-01",
            calendar_version=1,
        ),
        closed_edition=1,
        published_edition=1,
        cut_off=parts.CutOff(commit_seq=9, ingest_time_us=1),
        checkpoint=parts.LakeCheckpoint(
            origin=lake.name, tree_size=1, tree_root=digest, commit_seq=9, commit_sha256=digest
        ),
        files=tuple(
            parts.CertifiedFile(
                table="t", path=f"t/all/{number}.parquet", sha256=digest, size=1, rows=1
            )
            for number in range(FILES)
        ),
        figures=(),
        control_totals=(),
        gate=parts.Gate(controls=(), docs_sha256=None),
        approvals=tuple(notes),
        people=(
            _person(ana, "requester"),
            _person(ben, "approver"),
        ),
        exceptions=tuple(exceptions),
        versions=parts.Versions(models="", contracts="", calendar=1, code="", packages={}),
        plan_sha256=digest,
        previous_certificate_sha256=None,
        previous_edition_sha256=None,
        run_id="a" * 32,
        issued_at_us=2,
    )


def _person(signer: Signer, role: str) -> parts.Person:
    key = signer.verifier.to_text()
    return parts.Person(person=signer.name, verifier_key=key, roles=(role,))


def _approved(
    asks: Signer, approves: Signer, action: str, number: int, subject: dict[str, object]
) -> list[str]:
    notes: list[str] = []
    for signer, role in ((asks, "requester"), (approves, "approver")):
        said = Statement(
            action=action,
            at_us=1,
            lake_id="0" * 32,
            person=signer.name,
            reason="month end",
            request_id=f"{number:032x}",
            request_sha256=note_sha256(notes[0]) if notes else None,
            role=role,
            subject=subject,
        )
        notes.append(sign_statement(said, signer))
    return notes


# --- figure -----------------------------------------------------------------------------------


def _figure(folder: Path, options: Options, start_s: float) -> list[Measurement]:
    count = FIGURE_EVENTS if not options.small else 200
    with borrowed(prepared(options.cache, options.events)) as root:
        home = Home.of(settings(root))
        at_us, day = _append_a_days_sales(root, count)
        asked = Question(store_id=STORE, day=day, known_as_of_us=at_us)
        made: list[float] = []
        for number in range(options.repeats):
            began = time.perf_counter()
            path, proof = write_proof(home, asked, to=folder / f"{number}.json", now_us=at_us)
            made.append(time.perf_counter() - began)
        assert sum(cell.event_count for cell in proof.cells) == count
        key = folder / "lake.vkey"
        (public,) = lake_keys(home, proof.lake_id)
        key.write_text(key_line(public.public) + "\n")
    given = ("-m", "audit.verify_proof", str(path), "--key", str(key), "--json")
    said = json.loads(_output(*given))
    assert said["ok"] and said["events"] == count
    return [
        Measurement(
            what=f"proof of a figure of {count:,} events among {options.events:,}, made",
            value=median_of(made),
            unit="s",
            at_most=MAKE_S,
            repeats=made,
        ),
        Measurement(
            what=f"proof of a figure of {count:,} events, checked",
            value=max(0.0, _repeated(options, lambda: _python(*given)) - start_s),
            unit="s",
            at_most=CHECK_FIGURE_S,
            baseline="start of Python and its libraries, not counted",
            baseline_value=start_s,
        ),
    ]


def _append_a_days_sales(root: Path, count: int) -> tuple[int, date]:
    """Sales of one store scattered among ten times as many of others, in one commit.

    Returns when that commit was made, and the day.
    """
    lake = open_lake(root)
    days = (lake.head.ingest_time_us - generate.arrival_us(0)) // 86_400_000_000 + 1
    moment = generate.FIRST_DAY + timedelta(days=days, hours=12)
    first = lake.next_offset(generate.SOURCE, "p0")
    rows = 10 * count
    number = pl.int_range(0, rows, dtype=pl.Int64)
    mine = number % 10 == 7
    events = generate.day_events(days, rows, first=first).with_columns(
        family=pl.lit("sales"),
        event_type=pl.lit("SaleRecorded"),
        store_id=pl.when(mine).then(pl.lit(STORE)).otherwise(pl.lit("store-00")),
        event_time=pl.lit(moment).cast(pl.Datetime("us", "UTC")),
    )
    offsets = {(generate.SOURCE, "p0"): OffsetRange(first, first + rows)}
    at_us = generate.arrival_us(days)
    lake.append(Batch(events=events, offsets=offsets), ingest_time_us=at_us)
    lake.close()
    return at_us, moment.date()


def _repeated(options: Options, run: Callable[[], float]) -> float:
    return median_of([run() for _ in range(options.repeats)])


def _python(*arguments: str) -> float:
    start = time.perf_counter()
    _output(*arguments)
    return time.perf_counter() - start


def _output(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    script("proofs", measure, events=1_000_000, repeats=5)
