"""Sagas out of rows that others wrote: what contracts let in is read, numbers as text too."""

import json
from datetime import UTC, datetime

from ingestion.saga_codec import SAGA_CODEC
from ledger.sagas import SagaBegun, SagaDecidedByPerson, SagaStepFailed

AT = datetime(2026, 1, 1, tzinfo=UTC)
AT_US = 1_767_225_600_000_000


def read(event_type: str, **payload: object) -> object:
    row = {"event_type": event_type, "event_time": AT, "payload": json.dumps(payload)}
    return SAGA_CODEC.from_row({**row, "schema_version": 1})


def test_numbers_may_be_text_and_words_for_truth_too() -> None:
    assert read(
        "OrderPlaced", saga_id="o", saga="payment", steps=["a"], deadline_us="5", amount=3
    ) == SagaBegun(
        saga_id="o",
        event_time_us=AT_US,
        event_type="OrderPlaced",
        saga="payment",
        details={"amount": "3"},
        steps=("a",),
        deadline_us=5,
    )
    failed = read(
        "SagaStepFailed", saga_id="o", step="a", attempt="2", outcome="unknown", reason="r"
    )
    assert isinstance(failed, SagaStepFailed) and (failed.attempt, failed.retry_us) == (2, None)
    for told, meant in ((True, True), ("true", True), (False, False), ("false", False)):
        said = read(
            "SagaDecidedByPerson", saga_id="o", decision="retry", by="a", why="b", anew=told
        )
        assert isinstance(said, SagaDecidedByPerson) and said.anew is meant


def test_every_event_of_sagas_is_of_the_codec_and_no_other() -> None:
    assert {"OrderPlaced", "SagaEnded"} < SAGA_CODEC.event_types
    assert len(SAGA_CODEC.event_types) == 7
