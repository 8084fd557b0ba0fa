"""Every rule of sagas, obeyed and broken, given what had happened before."""

from dataclasses import replace
from decimal import Decimal

import pytest

from ledger.payments import PAYMENT, Order
from ledger.sagas import Retry, SagaEvent, Succeeded, Unknown, key_of
from ledger.sagas.decide import REASON_MAX, SagaDecider, stream_of
from tests.sagas.acts import (
    DEADLINE_US,
    DECIDER,
    DETAILS,
    DONE,
    ID,
    NO,
    NOW_US,
    SILENCE,
    STEPS,
    STREAM,
    begin,
    begun,
    decided,
    done,
    ended,
    expire,
    failed,
    refused,
    report,
    says,
    turned_back,
    waits,
)
from tests.scenario import given

RESERVE, CAPTURE, SETTLE, RECEIPT = STEPS
SECOND = 1_000_000


def payment(*events: SagaEvent):  # type: ignore[no-untyped-def]
    """A payment that was begun, and what happened to it since."""
    return given(DECIDER, begun(), *events, stream_id=STREAM)


def test_an_order_begins_a_saga_of_four_steps_the_first_due_at_once() -> None:
    new = given(DECIDER, stream_id=STREAM)
    then = new.when(begin()).then(begun()).then_state(status="running", pending=STEPS)
    then.then_state(details=DETAILS, begun_us=NOW_US, key_round=0)
    action = then.state.action
    assert (action.step, action.attempt, action.due_us) == (RESERVE, 1, NOW_US)
    assert action.key == "saga/order-7/reserve_funds"
    then.when(begin()).then_rejected("saga_must_be_new", found="running")
    payment(ended("completed")).when(begin()).then_rejected("saga_must_be_new", found="completed")


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"amount": "0.00"}, "amount_must_be_positive"),
        ({"amount": "0.001"}, "amount_must_be_whole_minor_units"),
        ({"amount": "-1.00"}, "amount_must_be_whole_minor_units"),
        ({"amount": "1e3"}, "amount_must_be_whole_minor_units"),
        ({"amount": "1.5", "currency": "JPY"}, "amount_must_be_whole_minor_units"),
        ({"currency": "eur"}, "currency_must_have_a_minor_unit"),
        ({"currency": "XAU"}, "currency_must_have_a_minor_unit"),
        ({"account_id": ""}, "account_id_must_have_1_to_512_bytes"),
        ({"account_id": "ä" * 256 + "x"}, "account_id_must_have_1_to_512_bytes"),
        ({"colour": "red"}, "saga_details_must_be_those_of_its_kind"),
    ],
)
def test_a_wrong_order_begins_nothing(values: dict[str, str], rule: str) -> None:
    command = begin(details=DETAILS | values)
    given(DECIDER, stream_id=STREAM).when(command).then_rejected(rule)


def test_the_largest_and_the_smallest_order_are_taken() -> None:
    for values in (
        *({"amount": "0.01"}, {"amount": "9" * 14 + ".99"}),
        *({"account_id": "A"}, {"account_id": "ä" * 256}),
    ):
        command = begin(details=DETAILS | values)
        given(DECIDER, stream_id=STREAM).when(command).then(begun(details=DETAILS | values))


def test_an_order_is_read_from_the_details_of_its_saga() -> None:
    assert Order.of(DETAILS) == Order(account_id="A1", currency="EUR", amount=Decimal("30.00"))
    assert (stream_of(ID), key_of(ID, RESERVE)) == (STREAM, "saga/order-7/reserve_funds")


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 101, "a\r\nX: y", "ä"])
def test_an_id_that_could_not_travel_in_a_header_begins_nothing(name: str) -> None:
    given(DECIDER, stream_id=f"saga/{name}").when(begin()).then_rejected(
        "saga_id_must_be_a_short_word", found=repr(name)
    )


def test_of_an_unknown_kind_or_id_nothing_is_decided() -> None:
    new = given(DECIDER, stream_id=STREAM)
    new.when(begin(saga="parcel")).then_rejected("saga_must_be_of_a_known_kind", found="'parcel'")
    for command in (report(RESERVE, DONE), expire(), says("retry")):
        new.when(command).then_rejected("saga_must_be_known")
        other = given(DECIDER, begun(saga="parcel"), stream_id=STREAM)
        other.when(command).then_rejected("saga_must_be_of_a_known_kind", found="'parcel'")


def test_each_answer_leads_to_the_next_step_and_the_last_one_to_the_end() -> None:
    then = payment()
    for step in STEPS[:-1]:
        then = then.when(report(step, DONE)).then(done(step))
    then.then_state(pending=(RECEIPT,), done=STEPS[:-1])
    then = then.when(report(RECEIPT, DONE)).then(done(RECEIPT), ended("completed"))
    then.then_state(status="completed", ended=True, action=None)
    then.when(report(RECEIPT, DONE)).then_rejected("report_must_be_of_the_call_under_way")


def test_a_report_of_another_try_or_step_changes_nothing() -> None:
    rule = "report_must_be_of_the_call_under_way"
    payment().when(report(CAPTURE, DONE)).then_rejected(rule, found="capture_payment, try 1")
    payment().when(report(RESERVE, DONE, attempt=2)).then_rejected(rule)
    again = payment(failed(RESERVE, retry_us=NOW_US))
    again.when(report(RESERVE, NO)).then_rejected(rule, found="reserve_funds, try 1")


def test_no_clear_answer_is_asked_for_again_later_with_the_same_key() -> None:
    first_us = NOW_US + PAYMENT.steps[1].retry.wait_us(1, lot=f"{ID}/{CAPTURE}")
    assert NOW_US + SECOND / 2 <= first_us <= NOW_US + SECOND
    reserved = payment(done(RESERVE))
    before = reserved.state.action.key
    then = reserved.when(report(CAPTURE, SILENCE)).then(failed(CAPTURE, retry_us=first_us))
    then.then_state(problem="silence")
    action = then.state.action
    assert (action.key, action.attempt, action.due_us) == (before, 2, first_us)
    then.when(report(CAPTURE, DONE, attempt=2)).then(done(CAPTURE, 2)).then_state(
        unsure=(), due_us=NOW_US
    )


def test_waits_double_up_to_the_longest_and_differ_between_sagas() -> None:
    retry = PAYMENT.steps[1].retry
    waits_ = [retry.wait_us(attempt, lot="a") for attempt in range(1, 60)]
    for attempt, wait in enumerate(waits_):
        most = min(retry.longest_wait_us, SECOND * 2**attempt)
        assert most / 2 <= wait <= most
    drawn = {retry.wait_us(1, lot=str(number)) for number in range(50)}
    assert len(drawn) > 40 and min(drawn) < SECOND * 0.6 and max(drawn) > SECOND * 0.9
    endless = Retry(tries=99, first_wait_us=1, longest_wait_us=2**60)
    assert endless.wait_us(41, lot="a") > 2**39 and endless.wait_us(60, lot="a") <= 2**40


def test_out_of_tries_a_capture_nobody_knows_of_is_refunded_and_the_hold_released() -> None:
    then = payment(done(RESERVE))
    tries = PAYMENT.steps[1].retry.tries
    for attempt in range(1, tries):
        outcome = then.when(report(CAPTURE, SILENCE, attempt)).outcome
        assert [one.retry_us is not None for one in outcome] == [True], attempt
        then = then.when(report(CAPTURE, SILENCE, attempt)).then(*outcome)
    text = f"capture_payment got no clear answer in {tries} tries: silence"
    then = then.when(report(CAPTURE, SILENCE, tries)).then(
        failed(CAPTURE, attempt=tries),
        turned_back("refund_payment", "release_funds", reason=text),
    )
    then.then_state(status="undoing", problem=text)
    then = then.when(report("refund_payment", DONE)).then(done("refund_payment"))
    assert then.state.action.due_us == NOW_US, "the next is due at once"
    then.when(report("release_funds", DONE)).then(done("release_funds"), ended("compensated"))


def test_a_refused_first_step_ends_the_saga_with_nothing_to_undo() -> None:
    payment().when(report(RESERVE, NO)).then(
        refused(RESERVE),
        turned_back(reason="reserve_funds was refused: no"),
        ended("compensated"),
    ).then_state(status="compensated")


def test_a_refused_capture_releases_the_hold_and_refunds_nothing() -> None:
    payment(done(RESERVE)).when(report(CAPTURE, NO)).then(
        refused(CAPTURE),
        turned_back("release_funds", reason="capture_payment was refused: no"),
    )


def test_a_refusal_after_a_silence_is_undone_all_the_same() -> None:
    payment(done(RESERVE), failed(CAPTURE, retry_us=NOW_US)).when(report(CAPTURE, NO, 2)).then(
        refused(CAPTURE, 2),
        turned_back("refund_payment", "release_funds", reason="capture_payment was refused: no"),
    )


def test_a_refused_receipt_takes_everything_back_the_latest_first() -> None:
    payment(*map(done, STEPS[:-1])).when(report(RECEIPT, NO)).then(
        refused(RECEIPT),
        turned_back(
            "return_funds",
            "refund_payment",
            "release_funds",
            reason="send_receipt was refused: no",
        ),
    )


def test_a_retry_that_would_come_after_the_deadline_is_not_made() -> None:
    late = report(CAPTURE, SILENCE, at_us=DEADLINE_US - SECOND // 4)
    outcome = payment(done(RESERVE)).when(late).outcome
    assert [type(one).__name__ for one in outcome] == ["SagaStepFailed", "SagaTurnedBack"]
    answered = report(CAPTURE, DONE, at_us=DEADLINE_US + SECOND)
    then = payment(done(RESERVE)).when(answered).outcome
    assert [type(one).__name__ for one in then] == ["SagaStepSucceeded"], "done is done"


def test_a_retry_due_at_the_deadline_itself_is_one_too_late() -> None:
    wait_us = PAYMENT.steps[1].retry.wait_us(1, lot=f"{ID}/{CAPTURE}")
    for early_us, events in ((0, 2), (1, 1)):
        at_us = DEADLINE_US - wait_us - early_us
        told = payment(done(RESERVE)).when(report(CAPTURE, SILENCE, at_us=at_us)).outcome
        assert len(told) == events, early_us


def test_past_its_deadline_a_saga_undoes_also_what_may_have_been_asked() -> None:
    """A runner may have died after the call and before it could tell."""
    at = {"event_time_us": DEADLINE_US}
    text = "capture_payment was not done by the deadline"
    then = payment(done(RESERVE)).when(expire())
    back = turned_back("refund_payment", "release_funds", reason=text)
    then.then(replace(back, **at))
    text = "reserve_funds was not done by the deadline"
    payment().when(expire()).then(replace(turned_back("release_funds", reason=text), **at))


def test_a_saga_expires_only_past_its_deadline_and_on_its_way_forward() -> None:
    rule = "deadline_must_have_passed_while_running"
    payment().when(expire(DEADLINE_US - 1)).then_rejected(rule)
    payment(turned_back("release_funds", reason="x")).when(expire()).then_rejected(rule)
    payment(ended("completed")).when(expire()).then_rejected(rule)
    assert payment(turned_back("release_funds", reason="x")).state.action.deadline_us is None


def test_a_receipt_nobody_knows_of_is_for_a_person() -> None:
    settled = payment(*map(done, STEPS[:-1]))
    text = "send_receipt was not done by the deadline"
    asked = replace(waits(RECEIPT, text), event_time_us=DEADLINE_US)
    waiting = settled.when(expire()).then(asked)
    waiting.then_state(status="waiting", action=None, problem=text)
    last = PAYMENT.steps[3].retry.tries
    outcome = settled.state
    for attempt in range(1, last):
        outcome = DECIDER.evolve(outcome, failed(RECEIPT, attempt=attempt, retry_us=NOW_US))
    told = DECIDER.decide(outcome, report(RECEIPT, SILENCE, last))
    assert [type(one).__name__ for one in told] == ["SagaStepFailed", "SagaWaitsForPerson"]


def test_undoing_goes_on_past_the_deadline_until_a_person_is_asked() -> None:
    back = payment(done(RESERVE), turned_back("refund_payment", "release_funds", reason="x"))
    late = report("refund_payment", SILENCE, at_us=DEADLINE_US * 2)
    assert len(back.when(late).outcome) == 1, "asked again"
    text = "refund_payment was refused: no"
    back.when(report("refund_payment", NO)).then(
        refused("refund_payment"), waits("refund_payment", text)
    )


def test_undoing_out_of_tries_asks_a_person_and_does_not_turn_again() -> None:
    refund = PAYMENT.steps[1].undone_by
    assert refund is not None
    last = refund.retry.tries
    back = payment(
        done(RESERVE),
        turned_back("refund_payment", "release_funds", reason="x"),
        failed("refund_payment", attempt=last - 1, retry_us=NOW_US),
    )
    text = f"refund_payment got no clear answer in {last} tries: silence"
    then = back.when(report("refund_payment", SILENCE, last)).then(
        failed("refund_payment", attempt=last), waits("refund_payment", text)
    )
    then.then_state(unsure=(), done=(RESERVE,), undoing=True)


def test_what_is_undone_is_no_step_done_forward() -> None:
    back = payment(done(RESERVE), turned_back("refund_payment", "release_funds", reason="x"))
    then = back.when(report("refund_payment", DONE)).then(done("refund_payment"))
    then.then_state(done=(RESERVE,), pending=("release_funds",))


def test_what_a_person_settles_after_a_refusal_is_asked_no_more() -> None:
    waiting = payment(
        turned_back("release_funds", reason="x"), refused("release_funds"), waits("x", "no")
    )
    waiting.when(says("settled")).then(decided("settled"), ended("settled"))
    waiting.when(says("retry")).then(decided("retry", anew=True)).then_state(refused=False)


def test_a_person_has_a_refused_step_asked_under_a_new_key() -> None:
    waiting = payment(
        done(RESERVE),
        turned_back("refund_payment", reason="x"),
        refused("refund_payment"),
        waits("refund_payment", "no"),
    )
    then = waiting.when(says("retry")).then(decided("retry", anew=True))
    action = then.state.action
    assert (then.state.status, action.attempt) == ("undoing", 1)
    assert action.key == "saga/order-7/refund_payment/1"
    then = then.when(report("refund_payment", DONE))
    then.then(done("refund_payment"), ended("compensated")).then_state(key_round=0)


def test_a_person_has_an_unanswered_step_asked_under_its_key_with_time_anew() -> None:
    waiting = payment(*map(done, STEPS[:-1]), failed(RECEIPT), waits(RECEIPT, "silence"))
    waiting.then_state(due_us=NOW_US)
    later = says("retry", at_us=DEADLINE_US * 2)
    then = waiting.when(later).then(replace(decided("retry"), event_time_us=DEADLINE_US * 2))
    action = then.state.action
    assert (action.key, action.attempt) == ("saga/order-7/send_receipt", 1)
    then.then_state(status="running")
    assert action.deadline_us == DEADLINE_US * 2 + PAYMENT.deadline_us


def test_a_person_turns_a_saga_back_or_settles_it() -> None:
    waiting = payment(*map(done, STEPS[:-1]), failed(RECEIPT), waits(RECEIPT, "silence"))
    back = turned_back("return_funds", "refund_payment", "release_funds", reason="ana: as it is")
    waiting.when(says("turn_back")).then(decided("turn_back"), back)
    settled = waiting.when(says("settled")).then(decided("settled"), ended("settled"))
    settled.then_state(status="settled", pending=())


def test_a_person_decides_only_where_asked_by_name_and_with_a_reason() -> None:
    payment().when(says("retry")).then_rejected("saga_must_wait_for_a_person", found="running")
    waiting = payment(turned_back("release_funds", reason="x"), waits("release_funds", "no"))
    waiting.when(says("retry", by=" ")).then_rejected("person_must_be_given")
    waiting.when(says("retry", why="")).then_rejected("reason_must_be_given")
    waiting.when(says("turn_back")).then_rejected("saga_must_not_be_undoing")


def test_of_long_answers_the_beginning_is_kept() -> None:
    long = "x" * 9_999
    [failure] = payment().when(report(RESERVE, Unknown(reason=long))).outcome
    assert failure.reason == "x" * REASON_MAX
    [success] = payment().when(report(RESERVE, Succeeded(reference=long))).outcome
    assert success.reference == "x" * REASON_MAX


def test_a_changed_definition_leaves_what_was_begun_as_it_was() -> None:
    """Steps are in the events: a saga goes on with those it began with."""
    short = SagaDecider({"payment": replace(PAYMENT, steps=PAYMENT.steps[:1])})
    old = given(short, begun(), done(RESERVE), stream_id=STREAM)
    old.then_state(pending=STEPS[1:])
    outcome = old.when(report(CAPTURE, SILENCE)).outcome
    names = [type(one).__name__ for one in outcome]
    assert names == ["SagaStepFailed", "SagaTurnedBack"], "of an unknown step there is no retry"


def test_a_command_of_others_is_a_fault_of_the_program() -> None:
    with pytest.raises(TypeError, match="no command of sagas: object"):
        DECIDER.decide(payment().state, object())
