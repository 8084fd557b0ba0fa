"""The closing chapter: people, a blocked close and its remedy, eleven months closed, one restated.

Holds the order of the steps. Each asks the lake whether it is done already, so that a demo that was
broken off goes on and one that is over changes nothing. Called by `orchestration.demo.__main__`.
"""

from collections.abc import Sequence
from datetime import date

from rich.markup import escape

from ledger.calendar import MONTHS
from orchestration.cli import output
from orchestration.close.diff import diff
from orchestration.close.finding import Finding
from orchestration.close.plan import plan
from orchestration.close.planned import Plan, from_bytes
from orchestration.close.reopen import ACTION as REOPEN
from orchestration.close.reopen import approve_reopening, request_reopening
from orchestration.demo import deciding
from orchestration.demo.deciding import Choice
from orchestration.demo.month_end import PLANNED_BY, close
from orchestration.demo.stage import APPROVER, REQUESTER, Stage
from orchestration.desk import people
from orchestration.desk.late_events import read_late_events
from orchestration.publish.edition import replace_durably

FIRST, END = date(2010, 12, 1), date(2011, 11, 1)
"""December 2010 to October 2011. November 2011 stays open, for events that come later still."""


def months_over_by(day: date) -> list[str]:
    """The months to be closed that have ended."""
    return [one.period_id for one in MONTHS.between(FIRST, END) if one.end_date <= day]


def run(stage: Stage, today: date) -> None:
    """Everything after the first edition, as it is done on the day of the last arrival."""
    periods = months_over_by(today)
    if not periods:
        return
    stage.open_on(today)
    late = read_late_events(stage.home)
    choices = deciding.choices(late, periods)
    _people(stage)
    _blocked(stage, periods[0], choices)
    _decide(stage, choices)
    stage.section("Month after month is closed: one plans, another applies")
    for period_id in periods:
        close(stage, period_id, closed_edition=1)
    restated = deciding.restatement(late, periods[-1])
    if restated is not None:
        _restate(stage, restated)


def _people(stage: Stage) -> None:
    stage.section("Two people, each with a key: nobody closes or decides alone")
    for name in (REQUESTER, APPROVER):
        _add(stage, name)


def _add(stage: Stage, name: str) -> None:
    roles = ("requester", "approver")
    stage.step(
        ["people", "add", name, *(word for one in roles for word in ("--role", one))],
        lambda: people.add(
            stage.home,
            name,
            roles,
            verifier_key=None,
            signer=None,
            reason=f"add {name}",
            when=stage.when,
        ),
        lambda: _key_of(stage, name),
    )


def _key_of(stage: Stage, name: str) -> str | None:
    known = stage.books.people.get(name)
    if known is None:
        return None
    name_and_hash = "+".join(known.verifier_key.split("+")[:2])
    return f"signs with the key {name_and_hash}"


def _blocked(stage: Stage, period_id: str, choices: Sequence[Choice]) -> None:
    """What a plan says while late events wait. It changes nothing, so it is kept to be shown."""
    mine = [one for one in choices if one.period_id == period_id]
    path = stage.home.root / "demo" / f"blocked-{period_id}.json"
    if not path.exists() and (not mine or deciding.is_decided(stage, mine[0])):
        return
    stage.section("A close that is blocked: everything in its way at once, with the remedy")

    def look() -> None:
        made = plan(stage.settings, period_id, when=stage.when, signer=stage.signer(REQUESTER))
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_durably(path, made.plan.to_bytes())

    def said() -> str | None:
        return _in_a_line(from_bytes(path.read_bytes())) if path.exists() else None

    stage.step(["close", "plan", period_id, *PLANNED_BY], look, said)
    for one in from_bytes(path.read_bytes()).findings:
        _draw(stage, one)


def _in_a_line(made: Plan) -> str:
    return f"no token: {len(made.blockers)} in the way, {len(made.warnings)} to acknowledge"


def _draw(stage: Stage, one: Finding) -> None:
    mark = "[red]blocker[/]" if one.blocks else "[yellow]warning[/]"
    stage.say(f"{mark} {one.code} ({one.count:,}): {escape(one.question)}")
    for row in one.sample[:1]:
        said = ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)
        stage.say(f"        such as {escape(said)}")
    stage.say(f"        do: {escape(one.remedy)}")


def _decide(stage: Stage, choices: Sequence[Choice]) -> None:
    if not choices:
        return
    stage.section("The remedy: two people decide what came too late")
    for one in choices:
        deciding.decide(stage, one)
    _bring_up_to_date(stage, choices)


def _bring_up_to_date(stage: Stage, choices: Sequence[Choice]) -> None:
    """Build and publish, if the last build does not know these decisions yet."""
    stage.step(
        ["build", "--publish"],
        lambda: (stage.build(), stage.publish()),
        lambda: _knows(stage, choices),
    )


def _knows(stage: Stage, choices: Sequence[Choice]) -> str | None:
    decided = max(deciding.decided_commit(stage, one) for one in choices)
    if (stage.built_commit() or 0) < decided:
        return None
    return "all models and tests pass; figures and readers know the decisions"


def _restate(stage: Stage, choice: Choice) -> None:
    period_id = choice.period_id
    stage.section(f"{period_id} is restated: reopened by two people, closed again as edition 2")
    _reopen(stage, period_id, why=f"{choice.store_id} was rejected by mistake")
    deciding.decide(stage, choice)
    _bring_up_to_date(stage, [choice])
    close(stage, period_id, closed_edition=2)
    stage.look(["diff", period_id, "--from", "1", "--to", "2"], lambda: _changed(stage, period_id))


def _reopen(stage: Stage, period_id: str, *, why: str) -> None:
    def asked() -> str | None:
        found = _reopening(stage, period_id)
        return f"{REQUESTER} signed, another must approve" if found else None

    stage.step(
        ["reopen", period_id, "--as", REQUESTER, "--reason", why],
        lambda: request_reopening(
            stage.settings,
            period_id,
            signer=stage.signer(REQUESTER),
            reason=why,
            when=stage.when,
        ),
        asked,
    )
    request_id = _reopening(stage, period_id)
    assert request_id is not None, "it was asked for in the step before"

    def approved() -> str | None:
        if stage.books.requests[request_id].state != "approved":
            return None
        return "Reopened; readers go on seeing edition 1, and its certificate stays valid"

    stage.step(
        ["reopen", period_id, "--approve", request_id, "--as", APPROVER],
        lambda: approve_reopening(
            stage.settings, request_id, signer=stage.signer(APPROVER), reason=why, when=stage.when
        ),
        approved,
    )


def _reopening(stage: Stage, period_id: str) -> str | None:
    """The first request to reopen it that was not declined."""
    found = [
        one
        for one in stage.books.requests.values()
        if (one.action, one.requester) == (REOPEN, REQUESTER)
        and one.subject["period_id"] == period_id
        and one.state != "declined"
    ]
    found.sort(key=lambda one: one.requested_commit)
    return found[0].request_id if found else None


def _changed(stage: Stage, period_id: str) -> str:
    found = diff(stage.settings, period_id, before=1, after=2)
    rows = len(found.changes)
    sums = [one for one in found.sums if one.table == "period_sales" and one.delta]
    said = [
        f"{output.cell(one.before, money=True)} + {output.cell(one.delta, money=True)}"
        f" = {output.cell(one.after, money=True)} {one.currency}"
        for one in sums
    ]
    return f"rows that differ: {rows:,}; sales {', '.join(said)}"
