"""Acts of people as jobs with typed settings: decide, approve, reopen.

Each calls the function its command calls, so signatures and rules are checked in the same place. A
person's key must lie on the machine the job runs on. Called by `definitions`.
"""

from dagster import (
    Config,
    JobDefinition,
    OpDefinition,
    OpExecutionContext,
    Output,
    ResourceParam,
    job,
    op,
)
from pydantic import Field

from ingestion.lake.writer import Clock
from ledger.people import Request
from orchestration.close.reopen import request_reopening
from orchestration.close.signing import When
from orchestration.desk import requests
from orchestration.desk.decide import decide as ask_to_decide
from orchestration.home import Home
from orchestration.keys import person_signer
from orchestration.settings import Settings

_PERSON = Field(description="Who acts: signs with keys/people/NAME.key of the home.")
_REASON = Field(description="Why, in words; it is signed and kept.")


class DecideConfig(Config):
    """As `ledgerlake exceptions decide`: one decision about late events, asked for."""

    event_ids: list[str] = Field(description="The late events, by id.")
    decision: str = Field(description="next_period, restated, rejected, or pending to undo one.")
    person: str = _PERSON
    reason: str = _REASON


class ReopenConfig(Config):
    """As `ledgerlake reopen`: asked for."""

    period_id: str = Field(description="The closed period.")
    person: str = _PERSON
    reason: str = _REASON


class ApproveConfig(Config):
    """As `ledgerlake requests approve`: carried out in the same commit."""

    request_id: str = Field(description="The request, as decide, reopen or the command showed it.")
    person: str = _PERSON
    reason: str = Field(default="", description="Why; default: the request's own reason.")


@op
def decide_exceptions(
    context: OpExecutionContext,
    config: DecideConfig,
    settings: ResourceParam[Settings],
    now: ResourceParam[Clock],
) -> Output[str]:
    """Ask for a decision. What stands so already is asked for no more."""
    home = Home.of(settings)
    done = ask_to_decide(
        home,
        config.event_ids,
        decision=config.decision,
        reason=config.reason,
        signer=person_signer(home, config.person),
        when=When(now_us=now()),
    )
    if done.asked is None:
        context.log.info(f"{done.standing} events were decided so before; nothing to ask.")
        return Output("", metadata={"standing": done.standing})
    return _asked(done.asked.request)


@op
def reopen_period(
    config: ReopenConfig, settings: ResourceParam[Settings], now: ResourceParam[Clock]
) -> Output[str]:
    """Ask to reopen a closed period."""
    done = request_reopening(
        settings,
        config.period_id,
        signer=person_signer(Home.of(settings), config.person),
        reason=config.reason,
        when=When(now_us=now()),
    )
    return Output(done.request_id, metadata={"request": done.request_id})


@op
def approve_request(
    config: ApproveConfig, settings: ResourceParam[Settings], now: ResourceParam[Clock]
) -> Output[str]:
    """Approve a request and carry it out, in one commit."""
    home = Home.of(settings)
    done = requests.approve(
        home,
        config.request_id,
        signer=person_signer(home, config.person),
        reason=config.reason,
        when=When(now_us=now()),
    )
    more = {"new": done.new, "effects": done.effects}
    return Output(done.request.request_id, metadata={"request": done.request.request_id, **more})


def act_jobs() -> list[JobDefinition]:
    """One job per act, named as it."""
    acts = {"decide": decide_exceptions, "reopen": reopen_period, "approve": approve_request}
    return [_job(name, one) for name, one in acts.items()]


def _job(name: str, act: OpDefinition) -> JobDefinition:
    @job(name=name, description=act.description)
    def made() -> None:
        act()

    return made


def _asked(request: Request) -> Output[str]:
    return Output(request.request_id, metadata={"request": request.request_id})
