"""`python -m orchestration.demo`: arguments, steps and report in order.

Holds nothing else. Run by `make demo`.
"""

import argparse
import sys
from datetime import date

from ledger.errors import LedgerlakeError
from orchestration import settings
from orchestration.cli import output
from orchestration.demo import report, steps


def main() -> int:
    """0 when every step and every check held."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.demo", description=__doc__)
    parser.add_argument(
        "--until",
        type=date.fromisoformat,
        metavar="DATE",
        help="stop at arrivals of this day (default: all, to 2011-12-18)",
    )
    given = parser.parse_args()
    try:
        chosen = settings.load()
        steps.run(chosen, given.until)
        return report.show(chosen)
    except LedgerlakeError as error:
        return output.fail(error, as_json=False)


if __name__ == "__main__":
    sys.exit(main())
