"""What a sensor remembers between looks: of which lake, and up to which commit.

A cursor of another lake is no cursor: the home was made anew behind the same Dagster.
Called by the sensors.
"""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Cursor:
    """All commits of `lake_id` up to `commit` were dealt with; -1: none was."""

    lake_id: str
    commit: int

    def written(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def read_cursor(text: str | None, *, lake_id: str) -> Cursor:
    """The cursor of this lake; at its beginning when there is none or it is of another."""
    if text:
        found = Cursor(**json.loads(text))
        if found.lake_id == lake_id:
            return found
    return Cursor(lake_id, -1)
