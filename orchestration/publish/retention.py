"""Which editions stay, and deleting what none of them names.

Keeps the newest few, the current one, all that a close has pinned or a certificate names, and all
that was replaced a short time ago, so that whoever opened an old edition can go on reading.
Called by `publisher` after the pointer has moved.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestration.home import Home
from orchestration.publish import edition as editions
from orchestration.publish.pins import Kept

HOUR_US = 3_600_000_000


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`keep` newest editions, and any file younger than `keep_hours`, at the clock `now_us`."""

    keep: int
    keep_hours: int
    now_us: int

    @property
    def deadline_us(self) -> int:
        """What was last touched before this instant may go."""
        return self.now_us - self.keep_hours * HOUR_US


def prune(home: Home, rule: Rule, *, current: int, kept_for_good: Kept) -> list[int]:
    """Delete old editions and the files only they name. Returns the numbers deleted."""
    numbers = editions.numbers(home.editions)
    replaced_us = _replaced_us(home, numbers)
    staying = {*numbers[-rule.keep :], current, *kept_for_good.editions}
    gone = [
        number
        for number in numbers
        if number not in staying and replaced_us[number] < rule.deadline_us
    ]
    for number in gone:
        editions.path_of(home.editions, number).unlink()
    if gone:
        kept = [editions.read(home.editions, one) for one in numbers if one not in gone]
        named = {path for one in kept for path in one.paths()} | kept_for_good.paths
        _delete_unnamed(home, named, rule.deadline_us)
    return gone


def _replaced_us(home: Home, numbers: list[int]) -> dict[int, int]:
    """When each edition was replaced: when the next one's manifest was written."""
    written = {
        number: editions.path_of(home.editions, number).stat().st_mtime_ns // 1000
        for number in numbers
    }
    followers = [*numbers[1:], numbers[-1]] if numbers else []
    return {number: written[after] for number, after in zip(numbers, followers, strict=True)}


def _delete_unnamed(home: Home, named: set[str], deadline_us: int) -> None:
    for path in _files(home.tables):
        inside = path.relative_to(home.tables).as_posix()
        if inside not in named and path.stat().st_mtime_ns // 1000 < deadline_us:
            path.unlink()


def _files(folder: Path) -> Iterator[Path]:
    """Parts, and what a publish that broke off left aside."""
    return (path for path in folder.rglob("*") if path.is_file())
