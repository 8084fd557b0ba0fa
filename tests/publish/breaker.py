"""Publishes in a process of its own that dies at a named step: `python -m tests.publish.breaker`.

Started by `test_crashes`.
"""

import os
import sys
from pathlib import Path

from orchestration.publish.publisher import publish
from orchestration.settings import Settings


def main(home: str, dies_at: str) -> None:
    def step(name: str) -> None:
        if name == dies_at:
            os._exit(9)

    publish(Settings(home=Path(home)), step=step)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
