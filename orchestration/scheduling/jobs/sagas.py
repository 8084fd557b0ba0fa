"""The job that makes the calls of sagas which are due.

Holds no call: it runs what `ledgerlake saga run --once` runs. Called by `definitions`; the sensor
`due_sagas` asks for it.
"""

from dagster import JobDefinition, OpExecutionContext, Output, ResourceParam, job, op

from ingestion.lake.writer import Clock
from orchestration.sagas.desk import open_sagas
from orchestration.settings import Settings

RUN_SAGAS = "run_sagas"


@op
def run_due_sagas(
    context: OpExecutionContext, settings: ResourceParam[Settings], now: ResourceParam[Clock]
) -> Output[int]:
    """Make every call that is due, and bring what came of it into the lake."""
    with open_sagas(settings, now=now) as desk:
        ran = desk.run(desk.runner(), once=True)
    context.log.info(f"{ran.calls} calls; {ran.open} sagas go on, {ran.waiting} wait for a person.")
    told = {"ended": sum(ran.ended.values()), "open": ran.open, "waiting": ran.waiting}
    return Output(ran.calls, metadata={"calls": ran.calls, **told})


def sagas_job() -> JobDefinition:
    """One op: a process per step would cost 10 s each."""

    @job(name=RUN_SAGAS, description="Make the calls of sagas that are due.")
    def made() -> None:
        run_due_sagas()

    return made
