"""Is this home well? Machine, settings and states are compared with each other.

Repairs nothing: each finding says what to do. Reads names and heads, never the history.
Called by `ledgerlake doctor`.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

import duckdb

from audit import native
from ingestion.control.books import control_segments
from ingestion.lake import Commit, id_table
from ingestion.lake.log import CommitLog
from ingestion.lake.state import LakeState
from ingestion.lake.store import LocalStore
from ingestion.sources import row_json_native
from ledger.errors import LedgerlakeError
from orchestration import locks, policy, settings
from orchestration.home import Home
from orchestration.journal import drained_into, standing
from orchestration.publish import edition as editions
from orchestration.publish.current_file import read_pointer, require_plain_path
from orchestration.publish.export import text
from orchestration.settings import Settings
from orchestration.status import behind, head_of, read_build_record

WANTED = {"duckdb": "1.5.", "dbt-core": "1.11.", "dbt-duckdb": "1.11."}
"""Extension wheels and dbt's manifest are bound to these; see docs/settings.md."""

LOWEST_FREE_BYTES = 1_000_000_000
"""A build of 20M events spills about as much; a full disk stops it without harm, but it stops."""

Level = Literal["ok", "warning", "failure"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at. `remedy` is None when all is well."""

    level: Level
    what: str
    found: str
    remedy: str | None = None


def examine() -> list[Finding]:
    """All findings, in the order things depend on each other."""
    findings = list(_machine())
    try:
        chosen = settings.load()
    except LedgerlakeError as error:
        return [*findings, _failure("settings", str(error), "Repair the setting, run this again.")]
    findings.append(_ok("settings", f"home {chosen.home}, tenant {chosen.tenant}"))
    home = Home.of(chosen)
    findings += _folder(home)
    log = CommitLog(LocalStore(home.lake))
    if not log.exists(0):
        return [*findings, _failure("lake", "there is none", "Run `ledgerlake init`.")]
    head = head_of(log)
    checks: list[Callable[[], Iterator[Finding]]] = [
        lambda: _index(home, head),
        lambda: _policy(home, chosen),
        lambda: _locks(home),
        lambda: _warehouse(home, head),
        lambda: _edition(home, head),
        lambda: _journal(home),
        lambda: _stores(home),
    ]
    findings.append(_ok("lake", f"commit {head.seq:,}, {head.tree_size:,} events"))
    for check in checks:
        findings += _guarded(check)
    return findings


def _guarded(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """A broken state is a finding, not the end of the examination."""
    try:
        return list(check())
    except LedgerlakeError as error:
        return [_failure(error.thing, f"{error.found} ({error.rule})", error.remedy)]


def _machine() -> Iterator[Finding]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    yield _ok("python", python)
    for name, wanted in WANTED.items():
        version = metadata.version(name)
        if version.startswith(wanted):
            yield _ok(name, version)
        else:
            remedy = f"Install {name} {wanted}x: `make setup` takes it from the lock."
            yield _failure(name, version, remedy)
    compiled = {
        "hasher": native.is_there(),
        "id table": id_table.is_compiled(),
        "payload writer": row_json_native.is_there(),
    }
    for name, done in compiled.items():
        if done:
            yield _ok(name, "compiled")
        else:
            remedy = "Ingest is much slower: get a C compiler (`cc`), run `make setup` again."
            yield _warning(name, "was not compiled", remedy)


def _folder(home: Home) -> Iterator[Finding]:
    place = home.root
    while not place.exists():
        place = place.parent
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        yield _failure("home folder", f"{place} may not be written", "Give this user the folder.")
        return
    yield from _guarded(lambda: _plain(home))
    free = shutil.disk_usage(place).free
    if free < LOWEST_FREE_BYTES:
        yield _warning("disk", f"{free:,} bytes free", "Make room; builds may stop half way.")
    else:
        yield _ok("disk", f"{free:,} bytes free")


def _plain(home: Home) -> Iterator[Finding]:
    require_plain_path(home.root)
    yield _ok("home folder", f"{home.root} can be written")


def _index(home: Home, head: Commit) -> Iterator[Finding]:
    path = home.index / "state.sqlite"
    if not path.exists():
        yield _warning("index", "there is none", "The next ingest builds it from the lake.")
        return
    state = LakeState(path)
    try:
        known = state.head().seq
    finally:
        state.close()
    if known > head.seq:
        remedy = "Commits are missing from the log: run `ledgerlake verify`, restore from a copy."
        yield _failure("index", f"knows commit {known:,}, the log ends at {head.seq:,}", remedy)
    elif known < head.seq:
        found = f"{head.seq - known:,} commits behind the lake"
        yield _warning("index", found, "The next ingest brings it up to date.")
    else:
        yield _ok("index", "at the lake's head")


def _policy(home: Home, chosen: Settings) -> Iterator[Finding]:
    recorded = policy.newest_recorded(home.lake)
    wanted = chosen.lateness
    asked = f"{wanted.max_delay_days} days, {wanted.initial_grace_hours} h"
    if recorded is None:
        yield _warning("lateness policy", "never recorded", "Run `ledgerlake init`.")
    elif not recorded.equals(wanted):
        found = (
            f"settings say {asked}; the lake is under {recorded.max_delay_days} days,"
            f" {recorded.initial_grace_hours} h since commit {recorded.commit_seq}"
        )
        remedy = "Run `ledgerlake init` to record the settings' policy, or repair the settings."
        yield _warning("lateness policy", found, remedy)
    else:
        yield _ok("lateness policy", f"{asked}, recorded in commit {recorded.commit_seq}")


def _locks(home: Home) -> Iterator[Finding]:
    for name, path in (("build", home.build_lock), ("publish", home.publish_lock)):
        other = locks.holder(path)
        if other:
            found = f"held by process {other.pid}: {other.doing} since {other.since}"
            yield _warning(f"{name} lock", found, "Wait for it; it frees itself when that ends.")
        else:
            yield _ok(f"{name} lock", "free")


def _warehouse(home: Home, head: Commit) -> Iterator[Finding]:
    record = read_build_record(home)
    if record is None or record["commit_seq"] is None:
        yield _warning("build", "none by this command yet", "Run `ledgerlake build`.")
        return
    if record["outcome"] != "passed":
        names = ", ".join(one["name"] for one in record["failed"][:3])
        yield _failure("build", f"the last one failed: {names}", "Run `ledgerlake build`.")
        return
    late = head.seq - int(record["commit_seq"])
    if late:
        yield _warning("build", f"{late:,} commits behind the lake", "Run `ledgerlake build`.")
    else:
        yield _ok("build", "at the lake's head")


def _edition(home: Home, head: Commit) -> Iterator[Finding]:
    pointer = read_pointer(home)
    if pointer is None:
        yield _warning("edition", "none yet", "Run `ledgerlake build --publish`.")
        return
    if pointer.home != str(home.root):
        found = f"its views read {pointer.home}: the home was moved or copied"
        yield _failure("edition", found, "Run `ledgerlake publish`.")
        return
    edition = editions.read(home.editions, pointer.number)
    lost = [path for path in sorted(edition.paths()) if not (home.tables / path).is_file()]
    if lost:
        found = f"{len(lost)} files of edition {edition.number} are gone, the first {lost[0]}"
        yield _failure("edition", found, "Run `ledgerlake publish --full`.")
        return
    late = behind(head, edition.commit_seq, edition.tree_size, edition.ingest_time_us)
    if late.commits:
        found = f"{edition.number}, {late.commits:,} commits and {late.events:,} events behind"
        yield _warning("edition", found, "Run `ledgerlake build --publish`; live.* is not behind.")
    else:
        yield _ok("edition", f"{edition.number}, at the lake's head")


def _journal(home: Home) -> Iterator[Finding]:
    found = standing(home)
    if found is None:
        if lost := drained_into(home):
            what = f"there is none, and the lake has {lost:,} events of one"
            yield _failure("journal", what, "Run `ledgerlake journal rebuild`.")
    elif found.incomplete:
        what = "it is new, and the lake has drained one before"
        yield _failure("journal", what, "Run `ledgerlake journal rebuild`.")
    elif found.undrained:
        what = f"{found.undrained:,} of {found.events:,} events are not in the lake yet"
        yield _warning("journal", what, "Run `ledgerlake journal drain`.")
    else:
        yield _ok("journal", f"all {found.events:,} events are in the lake")


def _stores(home: Home) -> Iterator[Finding]:
    """Stores without a time zone are booked by UTC days, which few shops mean."""
    pointer = read_pointer(home)
    if pointer is None or not editions.read(home.editions, pointer.number).table("daily_sales"):
        return
    registered = _registered(home)
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach {text(home.current)} as published (read_only)")
        sold = connection.execute(
            "select distinct store_id from published.daily_sales order by 1"
        ).fetchall()
    unknown = [str(row[0]) for row in sold if row[0] not in registered]
    if unknown:
        some = ", ".join(unknown[:3]) + (", ..." if len(unknown) > 3 else "")
        found = f"{len(unknown)} sell but were never registered ({some}): their days are UTC days"
        remedy = "Ingest a StoreRegistered event with time_zone and day_cut_off for each."
        yield _warning("stores", found, remedy)
    else:
        yield _ok("stores", f"all {len(sold)} that sell are registered")


def _registered(home: Home) -> set[str]:
    """Stores with a StoreRegistered event."""
    files = [str(home.lake / path) for path in control_segments(LocalStore(home.lake))]
    if not files:
        return set()
    with duckdb.connect(":memory:") as connection:
        rows = connection.execute(
            "select distinct store_id from read_parquet($files, hive_partitioning = false)"
            " where event_type = 'StoreRegistered'",
            {"files": files},
        ).fetchall()
    return {str(row[0]) for row in rows}


def _ok(what: str, found: str) -> Finding:
    return Finding(level="ok", what=what, found=found)


def _warning(what: str, found: str, remedy: str) -> Finding:
    return Finding(level="warning", what=what, found=found, remedy=remedy)


def _failure(what: str, found: str, remedy: str) -> Finding:
    return Finding(level="failure", what=what, found=found, remedy=remedy)
