"""Names of commits to come: how live views find what is new without listing the lake.

Holds folders of links, to the next commits of the log and to the folders their segments will lie
in. A link to what is not there yet is no file to DuckDB's glob; it becomes one in the instant the
commit is made. So a query lists the window, not the lake's whole history
(docs/decisions/0008). Called by publishing.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingestion.lake import layout
from ingestion.lake.layout import COMMITS_PER_FOLDER, FAMILIES
from orchestration.home import Home
from orchestration.publish.edition import sync_folder

BLOCK_COMMITS = 5 * COMMITS_PER_FOLDER
BLOCKS = 2
"""A window shows 500 to 999 commits to come; a name costs a query 5 us. Whoever commits moves
it on after 128, so it is used up only when something else writes: then views say so."""


@dataclass(frozen=True)
class Window:
    """The blocks of links that hold commit `after` + 1 and those behind it."""

    folders: tuple[Path, ...]
    after: int

    @property
    def last(self) -> int:
        """The last commit that has a link."""
        return ((self.after + 1) // BLOCK_COMMITS + BLOCKS) * BLOCK_COMMITS - 1

    @property
    def logs(self) -> list[Path]:
        return [folder / "log" / "*.json" for folder in self.folders]

    def segments(self, family: str) -> list[Path]:
        return [folder / family / "*" / "*.parquet" for folder in self.folders]

    def commit(self, seq: int) -> Path:
        """The link of a commit. Links sort by name as commits do."""
        return _block(self.folders[0].parent, seq) / "log" / Path(layout.commit_path(seq)).name

    def first_segment(self, family: str) -> Path:
        """What no segment of the window sorts before, and all of commits before it do."""
        seq = self.after + 1
        bucket = Path(layout.segment_folder(family, seq)).name
        return _block(self.folders[0].parent, seq) / family / bucket / f"{seq:020d}"


def opened(home: Home, *, after: int, no_events: Path) -> Window:
    """The window behind commit `after`, made where it is not there. Durable when this returns.

    `no_events` is a segment without rows: DuckDB refuses a pattern that no file matches.
    """
    first = after + 1
    starts = range(first, first + BLOCKS * BLOCK_COMMITS, BLOCK_COMMITS)
    folders = tuple(_block(_folder(home), seq) for seq in starts)
    for folder in folders:
        if not folder.is_dir():
            _make(home, folder, no_events)
    return Window(folders, after)


def prune(home: Home, *, after: int, older_than_us: int) -> None:
    """Delete blocks that lie before commit `after` and were made before this instant."""
    for path in _folder(home).glob("*"):
        last = int(path.name.split(".")[0]) + BLOCK_COMMITS - 1
        if last < after and path.stat().st_mtime_ns // 1000 < older_than_us:
            shutil.rmtree(path)


def _folder(home: Home) -> Path:
    return home.tail / "window"


def _block(folder: Path, seq: int) -> Path:
    return folder / f"{seq // BLOCK_COMMITS * BLOCK_COMMITS:020d}"


def _make(home: Home, folder: Path, no_events: Path) -> None:
    aside = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    # One long link, so that the many others are short enough to lie in their inodes.
    _link(aside / "lake", home.lake)
    first = int(folder.name)
    commits = range(first, first + BLOCK_COMMITS)
    _make_links(aside / "log", [layout.commit_path(seq) for seq in commits])
    (aside / "log" / "-.json").touch()
    for family in FAMILIES:
        buckets = commits[::COMMITS_PER_FOLDER]
        _make_links(aside / family, [layout.segment_folder(family, seq) for seq in buckets])
        nothing = aside / family / "-"
        nothing.mkdir()
        _link(nothing / no_events.name, no_events)
        sync_folder(nothing)
    for made in (*(aside / family for family in FAMILIES), aside / "log", aside):
        sync_folder(made)
    try:
        aside.rename(folder)
    except OSError:  # another process was first
        shutil.rmtree(aside)
    sync_folder(folder.parent)


def _make_links(folder: Path, paths: Sequence[str]) -> None:
    """A link to each of these paths of the lake, named as it ends."""
    folder.mkdir()
    for path in paths:
        (folder / Path(path).name).symlink_to(f"../lake/{path}")


def _link(link: Path, target: Path) -> None:
    """Relative, so that a home may be moved."""
    link.symlink_to(os.path.relpath(target, link.parent))
