"""Interest put right: who is affected and why, approved by a second person, posted once."""

import csv
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from ledger.errors import IncorrectInput
from ledger.interest import algorithms
from ledger.interest.algorithms import ALGORITHMS
from orchestration.accounts.desk import open_desk
from orchestration.desk import requests
from orchestration.desk.known import read_known
from orchestration.interest import notices
from orchestration.interest.accrue import accrue
from orchestration.interest.apply import Applied, apply
from orchestration.interest.plan import Asking, plan
from orchestration.interest.planned import Planned
from tests.interest.bank import Bank
from tests.interest.conftest import JANUARY


def planned(bank: Bank, before: str = "v1", after: str = "v2", **more: object) -> Planned:
    asking = Asking(signer=bank.signer("ana"), reason="rate change missed")
    values: dict[str, object] = {"asking": asking, **more}
    return plan(bank.settings, "2026-01", before=before, after=after, when=bank.when, **values)  # type: ignore[arg-type]


def applied(bank: Bank, made: Planned, who: str = "ben") -> Applied:
    assert made.token is not None
    return apply(bank.settings, made.token, signer=bank.signer(who), when=bank.when)


def test_what_was_posted_and_what_is_corrected_add_up_to_the_right_algorithm(
    bank: Bank, accrued: Bank
) -> None:
    accrue(bank.settings, "2026-01", "v2", when=bank.when)
    made = planned(accrued)
    done = applied(accrued, made)
    assert (made.plan.compared, made.plan.affected, done.posted) == (4, 4, 4)
    posted, corrected = accrued.sums("InterestAccrued"), accrued.sums("CorrectionApplied")
    right = {key: posted[key] + corrected[key] for key in posted}
    assert right == bank.sums("InterestAccrued")
    deltas = {one["currency"]: Decimal(one["delta"]) for one in made.plan.sums}
    assert deltas == {
        currency: sum(right[key] - posted[key] for key in right if key[1] == currency)
        for currency in ("EUR", "JPY")
    }


def test_each_account_is_told_old_new_delta_and_why(accrued: Bank) -> None:
    made = planned(accrued)
    rows = list(csv.DictReader((made.folder / "report.csv").read_text("utf-8").splitlines()))
    rich = next(one for one in rows if one["account_id"] == "rich")
    assert (rich["old"], rich["new"], rich["delta"]) == ("17.8400", "19.9400", "2.1000")
    assert (rich["why_movements"], rich["why_rate_read"]) == ("0.0000", "2.1000")
    assert {one["to_be_posted"] for one in rows} == {"yes"}
    page = (made.folder / "report.html").read_text("utf-8")
    assert "4 balances compared, 4 differ, 4 corrections to post." in page
    assert "<td>rich</td>" in page
    assert [one["because"] for one in made.plan.why] == ["rate_read", "rate_read"]
    applied(accrued, made)
    payload = json.loads(accrued.events("CorrectionApplied")[-1]["payload"])
    assert (payload["old"], payload["new"]) == ("17.8400", "19.9400")
    assert payload["why"] == {"movements": "0.0000", "rate_read": "2.1000"}


def test_a_second_replay_posts_nothing_and_tells_nobody(accrued: Bank) -> None:
    made = planned(accrued)
    first = applied(accrued, made)
    events = accrued.events("CorrectionApplied")
    told = notices.read(accrued.home, period_id=None, account=None)
    again = applied(accrued, made)
    anew = planned(accrued)
    assert (again.posted, again.posted_before, again.notices) == (0, 4, 0)
    assert (anew.plan.affected, anew.token) == (0, None)
    assert accrued.events("CorrectionApplied") == events
    assert notices.read(accrued.home, period_id=None, account=None) == told
    assert first.notices == 3


def test_one_notice_per_account_tells_of_all_its_currencies(accrued: Bank) -> None:
    applied(accrued, planned(accrued))
    (poor,) = notices.read(accrued.home, period_id="2026-01", account="poor")
    assert [(one["currency"], one["delta"]) for one in poor.corrections] == [
        ("EUR", "0.0900"),
        ("JPY", "44.0000"),
    ]


def test_ids_are_the_same_wherever_the_same_is_corrected(accrued: Bank) -> None:
    first = planned(accrued)
    second = planned(accrued)
    assert applied(accrued, first).posted == 4
    with pytest.raises(IncorrectInput, match="posted interest of 2026-01") as refused:
        applied(accrued, second)
    assert refused.value.rule == "plan_must_still_stand"
    assert len({one["event_id"] for one in accrued.events("CorrectionApplied")}) == 4


def test_below_materiality_nothing_is_posted_and_all_is_said(accrued: Bank) -> None:
    made = planned(accrued, materiality=Decimal("0.50"))
    assert (made.plan.affected, made.plan.corrections) == (4, 2)
    (euro,) = (one for one in made.plan.sums if one["currency"] == "EUR")
    assert (euro["delta"], euro["posted"]) == ("2.1700", "2.1000")
    assert euro["below_materiality"] == "0.0700"
    assert applied(accrued, made).posted == 2
    assert set(accrued.sums("CorrectionApplied")) == {("rich", "EUR"), ("poor", "JPY")}


def test_movements_that_became_known_since_are_told_apart_from_the_algorithm(accrued: Bank) -> None:
    accrued.move(("rich", "EUR", JANUARY, "1000"))
    accrued.publish()
    made = planned(accrued)
    why = {(one["because"], one["currency"]): Decimal(one["delta"]) for one in made.plan.why}
    assert why["movements", "EUR"] == Decimal("1.00")  # 21 days of 1,000 at 1.75 %, 1.01 - 0.01
    assert sum(why.values()) == sum(Decimal(one["delta"]) for one in made.plan.sums)
    applied(accrued, made)
    accrued.move(("rich", "EUR", JANUARY, "1000"))
    accrued.publish()
    again = planned(accrued)
    assert [one["because"] for one in again.plan.why] == ["movements"]
    assert applied(accrued, again).posted == 1
    assert planned(accrued, before="v2").plan.affected == 0


def test_the_same_algorithm_finds_what_back_dated_movements_changed(bank: Bank) -> None:
    accrue(bank.settings, "2026-01", "v2", when=bank.when)
    assert planned(bank, before="v2").plan.affected == 0
    bank.move(("rich", "EUR", JANUARY, "-2000"), ("late", "EUR", JANUARY, "5000"))
    bank.publish()
    made = planned(bank, before="v2")
    assert applied(bank, made).posted == 2
    assert bank.sums("CorrectionApplied")["rich", "EUR"] < 0


def test_who_asked_does_not_approve_and_an_approval_alone_is_refused(accrued: Bank) -> None:
    made = planned(accrued)
    with pytest.raises(IncorrectInput) as refused:
        applied(accrued, made, who="ana")
    assert refused.value.rule == "requester_must_not_approve"
    assert made.token is not None
    with pytest.raises(IncorrectInput) as refused:
        requests.approve(accrued.home, made.token, signer=accrued.signer("ben"), when=accrued.when)
    assert refused.value.rule == "replay_must_be_approved_by_applying_it"
    requests.decline(
        accrued.home, made.token, signer=accrued.signer("ben"), reason="no", when=accrued.when
    )
    with pytest.raises(IncorrectInput) as refused:
        applied(accrued, made)
    assert refused.value.rule == "token_must_be_of_a_plan"
    assert not accrued.events("CorrectionApplied")


def test_nobody_asks_without_a_signature_or_a_reason(accrued: Bank) -> None:
    assert planned(accrued, asking=None).token is None
    with pytest.raises(IncorrectInput) as refused:
        planned(accrued, asking=Asking(signer=accrued.signer("ana")))
    assert refused.value.rule == "reason_must_be_given"


def test_a_plan_that_others_changed_is_refused(
    accrued: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = planned(accrued)
    kept = made.folder / "plan.json"
    before = kept.read_bytes()
    kept.write_bytes(before.replace(b'"corrections":4', b'"corrections":3'))
    with pytest.raises(IncorrectInput) as refused:
        applied(accrued, made)
    assert refused.value.rule == "plan_must_be_kept_until_it_is_applied"
    kept.write_bytes(before)
    rows = made.folder / "differences.parquet"
    data = rows.read_bytes()
    rows.write_bytes(data + b"x")
    with pytest.raises(IncorrectInput, match="rows of SHA-256"):
        applied(accrued, made)
    rows.write_bytes(data)
    changed = {**ALGORITHMS, "v2": replace(ALGORITHMS["v2"], rounding="half_away")}
    with monkeypatch.context() as patched:
        patched.setattr(algorithms, "ALGORITHMS", changed)
        with pytest.raises(IncorrectInput, match="declaration of an algorithm"):
            applied(accrued, made)
    assert applied(accrued, made).posted == 4


def test_a_movement_that_came_after_the_plan_voids_it(accrued: Bank) -> None:
    made = planned(accrued)
    accrued.move(("rich", "EUR", JANUARY, "1"))
    with pytest.raises(IncorrectInput) as refused:
        applied(accrued, made)
    assert refused.value.rule == "edition_must_know_all_movements"


def test_sales_and_later_movements_do_not_void_it(accrued: Bank) -> None:
    made = planned(accrued)
    accrued.move(("rich", "EUR", date(2026, 2, 1), "1"))
    assert applied(accrued, made).posted == 4


def test_a_replay_needs_interest_to_start_from(bank: Bank) -> None:
    with pytest.raises(IncorrectInput) as refused:
        planned(bank)
    assert refused.value.rule == "period_must_have_been_accrued"
    accrue(bank.settings, "2026-01", "v2", when=bank.when)
    with pytest.raises(IncorrectInput, match="--from v2") as refused:
        planned(bank)
    assert refused.value.rule == "replay_must_start_from_what_was_posted"


def test_corrections_that_come_too_late_are_decided_with_the_same_approval(accrued: Bank) -> None:
    accrued.clock = accrued.clock.replace(day=25)
    made = planned(accrued)
    assert (made.plan.goes_to_people, made.plan.decides) == ("too_late", 4)
    done = applied(accrued, made)
    assert (done.posted, done.decided) == (4, 4)
    assert applied(accrued, made).decided == 0


def test_corrections_of_a_closed_month_are_decided_into_the_first_open_one(accrued: Bank) -> None:
    accrued.close("2026-01")
    made = planned(accrued)
    assert (made.plan.goes_to_people, made.plan.decides) == ("period_closed", 4)
    done = applied(accrued, made)
    assert (done.posted, done.decided) == (4, 4)
    corrections = {one["event_id"] for one in accrued.events("CorrectionApplied")}
    decided = read_known(accrued.home).books.decisions
    assert decided.keys() == corrections
    assert {(one.decision, one.posting_period) for one in decided.values()} == {
        ("next_period", "2026-02")
    }
    assert planned(accrued).plan.affected == 0


def test_a_month_closed_after_the_plan_voids_it(accrued: Bank) -> None:
    made = planned(accrued)
    accrued.close("2026-01")
    with pytest.raises(IncorrectInput, match="would be booked elsewhere") as refused:
        applied(accrued, made)
    assert refused.value.rule == "plan_must_still_stand"


def test_the_accounts_desk_knows_what_was_posted(accrued: Bank) -> None:
    applied(accrued, planned(accrued))
    with open_desk(accrued.settings) as desk:
        account, _ = desk.state("rich")
    assert account.balances["EUR"] == Decimal(12000) + Decimal("17.84") + Decimal("2.10")
