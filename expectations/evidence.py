"""What is kept of a verdict: Data Docs, the results as JSON, and one digest over both.

Holds what makes the files the same whenever and wherever they are written, and free of requests to
the makers of Great Expectations. Does not judge. Called by `expectations.gate`.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.verdict import ControlResult

if TYPE_CHECKING:
    from expectations.validation import Validation

RESULTS = "controls.json"

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CLOCK = re.compile(r"\b20\d{6}T\d{6}\.\d{6}Z\b")
# The logo is fetched from the makers' server with the time in its address: it would tell them
# who reads the report, and when.
_BEACON = re.compile(r"https://great-expectations-web-assets\.[^\"'\s]*")


def write_docs(
    validation: "Validation",
    folder: Path,
    period_id: str,
    results: Sequence[ControlResult],
    *,
    passed: bool,
) -> str:
    """Write everything into the emptied folder; the SHA-256 of all of it (`docs_digest`)."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    validation.build_docs()
    shutil.rmtree(folder / "static", ignore_errors=True)  # 4 MB of fonts and pictures
    for page in sorted(folder.rglob("*.html")):
        text = _settled(page.read_text(encoding="utf-8"), validation.run_time)
        page.write_text(text, encoding="utf-8")
    document = {
        "period_id": period_id,
        "passed": passed,
        "controls": [one.as_json() for one in results],
    }
    kept = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    (folder / RESULTS).write_text(kept + "\n", encoding="utf-8")
    return docs_digest(folder)


def docs_digest(folder: Path) -> str:
    """SHA-256 over the lines `<sha256 of a file>  <its path below the folder>`, sorted by path:
    the output of `sha256sum` over the files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = sorted((path.relative_to(folder).as_posix(), path) for path in files)
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in named)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _settled(page: str, run_time: str) -> str:
    """A page without its clock readings and random ids; ids stay different from each other.

    `run_time` is no reading of a clock, and part of every link.
    """
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return numbers.setdefault(match.group(), f"id-{len(numbers) + 1}")

    def reading(match: re.Match[str]) -> str:
        return run_time if match.group() == run_time else ""

    return _UUID.sub(number, _CLOCK.sub(reading, _BEACON.sub("", page)))
