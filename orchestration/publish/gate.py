"""May the warehouse be published? Only after a build that passed, of all published models, with
nothing but tests run since. Views stand as they are, so a build may leave them out.

Reads dbt's run results and our build record. Does not build. Called by `publisher`.
"""

import json
from typing import Any

from ledger.errors import IncorrectInput
from orchestration.home import Home
from orchestration.publish.models import Models

_FAILED = ("error", "fail", "runtime error", "partial success", "skipped")
_REMEDY = "Run `ledgerlake build`, repair what fails, then publish."


def require_passed(home: Home, models: Models, commit_seq: int) -> None:
    """IncorrectInput names the first failed node, or the models the last run left out."""
    run = _read(home)
    results = run["results"]
    failed = [one["unique_id"] for one in results if one["status"] in _FAILED]
    if failed:
        raise IncorrectInput(
            "last_build_must_have_passed",
            thing="the last dbt run",
            expected="no failing model or test",
            found=f"{len(failed)} failing or skipped: {', '.join(failed[:3])}",
            remedy=_REMEDY,
        )
    ran = {one["unique_id"].split(".")[-1] for one in results}
    missing = [one.name for one in models.tables if one.name not in ran]
    made = any(one["unique_id"].startswith("model.") for one in results)
    # A run of some tables may have made them anew as of another commit than the rest, unless a
    # build left the others out for it knew that they stand.
    in_part = made and any(one.name in missing and not one.is_view for one in models.tables)
    if missing and not _recorded(home, commit_seq, by=_invocation(run) if in_part else None):
        raise IncorrectInput(
            "last_build_must_cover_what_is_published",
            thing="the last dbt run",
            expected="all published models",
            found=f"that it left out {', '.join(missing[:3])}",
            remedy=_REMEDY,
        )


def _read(home: Home) -> dict[str, Any]:
    try:
        return dict(json.loads((home.target / "run_results.json").read_bytes()))
    except FileNotFoundError:
        return {"results": []}


def _invocation(run: dict[str, Any]) -> str:
    return str(run.get("metadata", {}).get("invocation_id"))


def _recorded(home: Home, commit_seq: int, *, by: str | None) -> bool:
    """Whether a build to this very commit passed earlier; `by`: and was this dbt invocation."""
    try:
        record = json.loads(home.build_record.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    passed = record["outcome"] == "passed" and record["commit_seq"] == commit_seq
    return bool(passed and by in (None, record.get("dbt_invocation")))
