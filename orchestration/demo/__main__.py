"""`python -m orchestration.demo`: arguments, chapters and report in order.

Holds nothing else. Run by `make demo`.
"""

import argparse
import gc
import os
import sys
from datetime import date
from typing import NoReturn

from ledger.errors import LedgerlakeError
from orchestration import settings
from orchestration.cli import output
from orchestration.cli.main import COLLECT_EVERY
from orchestration.ctrl_c import is_ctrl_c
from orchestration.demo import closing, report, steps, verifying
from orchestration.demo.stage import Stage


def main() -> int:
    """0 when every step and every check held."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.demo", description=__doc__)
    parser.add_argument(
        "--until",
        type=date.fromisoformat,
        metavar="DATE",
        help="stop at arrivals of this day, and close the months that are over by then (default:"
        " all arrivals, to 2011-12-10, and the months to 2011-10)",
    )
    given = parser.parse_args()
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])
    try:
        stage = Stage(settings.load())
        closing.run(stage, steps.run(stage, given.until))
        return report.show(stage.settings, verifying.verify(stage))
    except (Exception, KeyboardInterrupt) as error:
        if is_ctrl_c(error):
            _end_interrupted()
        if isinstance(error, LedgerlakeError):
            return output.fail(error, as_json=False)
        raise


def _end_interrupted() -> NoReturn:
    sys.stderr.write("\nInterrupted. Run it again, and it goes on where it was.\n")
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of libraries that were broken off may hold up, or kill, an orderly end.
    os._exit(output.INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
