"""Lakes to verify: one made by the real writer, and hands to damage or forge it with.

Does not assert anything. Used by the tests of the verifier.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from audit import canonical
from audit.merkle import CompactRange
from audit.seal import BLANK_SEAL, SEAL_FIELD, sealed
from ingestion.lake import Lake
from tests.events import FIRST_US, batch, deposits, rejects, sales

Action = dict[str, Any]


def build_lake(home: Path) -> Path:
    """Six commits: empty, sales, both families, rejects only, duplicates too, sales."""
    clock = iter(range(FIRST_US, FIRST_US + 10**9, 1_000_000))
    lake = Lake.create(home / "lake", home / "index", now=lambda: next(clock))
    lake.append(batch(sales(0, 300)))
    lake.append(batch(sales(300, 50), deposits(0, 80)))
    lake.append(batch(quarantine=rejects(0, 20, source="broken")))
    lake.append(
        batch(sales(350, 10), _again(sales(0, 5)), quarantine=rejects(20, 2, source="broken"))
    )
    lake.append(batch(deposits(80, 40)))
    lake.close()
    return home / "lake"


def _again(events: pl.DataFrame) -> pl.DataFrame:
    """The same events once more, as another file brings them."""
    return events.with_columns(source_partition=pl.lit("copy"))


def copy_of(lake: Path, home: Path) -> Path:
    shutil.copytree(lake, home / "lake")
    return home / "lake"


def commit_file(lake: Path, seq: int) -> Path:
    return lake / f"_delta_log/{seq:020d}.json"


def segment_of(lake: Path, seq: int, family: str = "sales") -> Path:
    (path,) = lake.glob(f"family={family}/*/{seq:020d}-*.parquet")
    return path


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def actions_of(lake: Path, seq: int) -> list[Action]:
    return [json.loads(line) for line in commit_file(lake, seq).read_text().splitlines()]


def forge(lake: Path, seq: int, change: Callable[[list[Action]], None]) -> None:
    """Change the actions of commit `seq`, then seal and chain the log anew from there."""
    actions = actions_of(lake, seq)
    change(actions)
    while True:
        data = sealed_bytes(actions)
        commit_file(lake, seq).write_bytes(data)
        seq += 1
        if not commit_file(lake, seq).exists():
            return
        actions = actions_of(lake, seq)
        actions[0]["commitInfo"]["lake"]["previous_sha256"] = hashlib.sha256(data).hexdigest()


def sealed_bytes(actions: list[Action]) -> bytes:
    actions[0]["commitInfo"]["lake"][SEAL_FIELD] = BLANK_SEAL
    lines = (
        json.dumps(a, sort_keys=True, separators=(",", ":"), ensure_ascii=False) for a in actions
    )
    return sealed("".join(line + "\n" for line in lines).encode())


def forge_lake(lake: Path, seq: int, **fields: Any) -> None:
    """Change fields of `commitInfo.lake` of commit `seq`."""
    forge(lake, seq, lambda actions: actions[0]["commitInfo"]["lake"].update(fields))


def forge_segment(lake: Path, seq: int, change: Callable[[pl.DataFrame], pl.DataFrame]) -> str:
    """Rewrite the sales segment of commit `seq`, and name the new file in the commit."""
    old = segment_of(lake, seq)
    buffer = io.BytesIO()
    change(pl.read_parquet(old)).write_parquet(buffer)
    return _replace(lake, seq, old, buffer.getvalue())


def forge_quarantine(lake: Path, seq: int, change: Callable[[pl.DataFrame], pl.DataFrame]) -> str:
    """Rewrite the quarantine file of commit `seq`, and name the new file in the commit."""
    (old,) = lake.glob(f"_quarantine/{seq:020d}-*")
    buffer = io.BytesIO()
    change(pl.read_parquet(old)).write_parquet(buffer)
    old.unlink()
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    path = f"_quarantine/{seq:020d}-{sha256}.parquet"
    (lake / path).write_bytes(buffer.getvalue())

    def name(actions: list[Action]) -> None:
        actions[0]["commitInfo"]["lake"]["quarantine"].update(path=path, sha256=sha256)

    forge(lake, seq, name)
    return path


def replace_segment(lake: Path, seq: int, data: bytes) -> str:
    """Put any bytes in the place of the sales segment of commit `seq`."""
    return _replace(lake, seq, segment_of(lake, seq), data)


def _replace(lake: Path, seq: int, old: Path, data: bytes) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    path = old.relative_to(lake).with_name(f"{seq:020d}-{sha256}.parquet").as_posix()
    old.unlink()
    (lake / path).write_bytes(data)

    def change(actions: list[Action]) -> None:
        segments = actions[0]["commitInfo"]["lake"]["segments"]
        entry = next(s for s in segments if s["family"] == "sales")
        add = next(a["add"] for a in actions if a.get("add", {}).get("path") == entry["path"])
        entry.update(path=path, sha256=sha256)
        add.update(path=path, size=len(data))

    forge(lake, seq, change)
    return path


def recompute_roots(lake: Path) -> None:
    """Make every `tree_root` that of the rows as they lie there now: the complete forgery."""
    tree, seq = CompactRange(), 0
    while commit_file(lake, seq).exists():
        for entry in actions_of(lake, seq)[0]["commitInfo"]["lake"]["segments"]:
            rows = pl.read_parquet(lake / entry["path"], hive_partitioning=False)
            tree.extend(canonical.leaf_hashes(rows.with_columns(family=pl.lit(entry["family"]))))
        forge_lake(lake, seq, tree_root=tree.root().hex())
        seq += 1
