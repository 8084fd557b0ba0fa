"""A late event asks for the periods it touches, and for no other."""

from datetime import timedelta

from dagster import AssetKey, MarkdownMetadataValue, TableMetadataValue

from tests.scheduling.office import DAY, OPENED, Office

JUNE = OPENED + 150 * DAY
"""May 31, for sales of January 1: 150 days late."""


def test_nothing_late_asks_for_nothing(office: Office) -> None:
    found = office.look("late_arrivals")
    assert not found.requests
    assert found.said == "Commits 0 to 2 brought nothing late."
    assert "looked at before" in str(office.look("late_arrivals").said)


def test_every_period_with_figures_can_be_planned_late_or_not(office: Office) -> None:
    office.receive(1, day=JUNE - DAY, arrival=JUNE)
    assert office.run("build").success
    found = office.look("late_arrivals")
    assert not found.requests and "brought nothing late" in str(found.said)
    assert office.instance.get_dynamic_partitions("periods") == ["2026-01", "2026-05"]


def test_events_touch_the_periods_of_their_days_and_no_other(office: Office) -> None:
    """One 150 days late, one 3 days late over the end of a month, one in time."""
    office.instance.add_dynamic_partitions("periods", ["2025-11", "2026-03"])
    office.receive(1, day=OPENED + 1 * DAY, arrival=JUNE)
    office.receive(1, day=JUNE - DAY, arrival=JUNE + timedelta(days=3))
    office.receive(1, day=JUNE + 2 * DAY, arrival=JUNE + timedelta(days=3, minutes=1))
    assert office.run("build").success
    requests = office.look("late_arrivals").requests
    assert [one.partition_key for one in requests] == ["2026-01", "2026-05"]
    assert [one.tags["ledgerlake/period"] for one in requests] == ["2026-01", "2026-05"]
    assert len({one.run_key for one in requests}) == 2
    assert not office.look("late_arrivals").requests
    for request in requests:
        assert office.run("refresh_period", request).success
    assert office.partitions_made("period_figures") == {"2026-01", "2026-05"}
    _shows_what_a_person_wants_to_see(office)


def _shows_what_a_person_wants_to_see(office: Office) -> None:
    event = office.instance.get_latest_materialization_event(AssetKey("period_figures"))
    assert event is not None and event.asset_materialization is not None
    found = event.asset_materialization.metadata
    totals, curve = found["control_totals"], found["daily_sales"]
    assert isinstance(totals, TableMetadataValue) and isinstance(curve, MarkdownMetadataValue)
    assert [(one.data["currency"], one.data["events"]) for one in totals.records] == [("EUR", 1)]
    assert "data:image/svg+xml;base64," in str(curve.md_str)
