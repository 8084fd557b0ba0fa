"""Where a run of Dagster stands, as the sensors ask about it.

Holds lists of states, each named once. Called by the sensors.
"""

from dagster import DagsterRunStatus

NOT_STARTED = [DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING]
"""Whatever they look at when they start, they will see all that is there by now."""

UNDER_WAY = [*NOT_STARTED, DagsterRunStatus.STARTED]
"""At it, or about to be."""
