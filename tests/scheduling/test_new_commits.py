"""A commit asks for one build, and the build brings it to the readers."""

from datetime import timedelta

from dagster import DagsterRunStatus, RunsFilter
from dagster._core.test_utils import create_run_for_test

from orchestration.scheduling.sensors.cursor import Cursor
from tests.scheduling.office import DAY, OPENED, Office

EVENING = OPENED + 2 * DAY + timedelta(hours=20)


def test_a_published_head_asks_for_nothing(office: Office) -> None:
    found = office.look("new_commits")
    assert not found.requests
    assert found.said == "The edition shows commit 2, the head of the lake."


def test_a_new_commit_asks_for_one_build_that_shows_it(office: Office) -> None:
    commit = office.receive(7, day=OPENED + 2 * DAY, arrival=EVENING)
    [request] = office.look("new_commits").requests
    assert request.run_key.endswith(f"-commit-{commit}")
    run = office.run("build", request)
    assert run.success
    assert office.read("select commit_seq from edition") == [{"commit_seq": commit}]
    assert office.read("select sum(event_count)::int as n from daily_sales") == [{"n": 77}]
    assert "commit 3, the head" in str(office.look("new_commits").said)


def test_a_commit_is_asked_for_once(office: Office) -> None:
    office.receive(7, day=OPENED + 2 * DAY, arrival=EVENING)
    assert len(office.look("new_commits").requests) == 1
    again = office.look("new_commits")
    assert not again.requests
    assert "was asked for; its run is gone" in str(again.said)


def test_a_failed_run_is_named_and_not_repeated(office: Office) -> None:
    commit = office.receive(7, day=OPENED + 2 * DAY, arrival=EVENING)
    [request] = office.look("new_commits").requests
    create_run_for_test(
        office.instance, job_name="build", tags=request.tags, status=DagsterRunStatus.FAILURE
    )
    said = str(office.look("new_commits").said)
    assert f"Commit {commit} was asked for; run" in said
    assert "ended as FAILURE without publishing it" in said


def test_a_run_that_waits_to_start_takes_newer_commits_along(office: Office) -> None:
    office.receive(7, day=OPENED + 2 * DAY, arrival=EVENING)
    [request] = office.look("new_commits").requests
    create_run_for_test(
        office.instance, job_name="build", tags=request.tags, status=DagsterRunStatus.NOT_STARTED
    )
    office.receive(7, day=OPENED + 2 * DAY, arrival=EVENING + timedelta(minutes=1))
    assert "it will build commit 4 too" in str(office.look("new_commits").said)
    run = office.instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.NOT_STARTED]))[0]
    office.instance.delete_run(run.run_id)
    [later] = office.look("new_commits").requests
    assert later.run_key != request.run_key


def test_the_cursor_of_another_lake_is_forgotten(office: Office) -> None:
    office.receive(7, day=OPENED + 2 * DAY, arrival=EVENING)
    office.cursors["new_commits"] = Cursor("another lake", 99).written()
    assert len(office.look("new_commits").requests) == 1
