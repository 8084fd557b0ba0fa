"""Killed with SIGKILL between and inside steps, again and again, a run ends as if never broken."""

import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from orchestration.close.signing import When
from orchestration.interest import notices, posting
from orchestration.interest.accrue import accrue
from orchestration.interest.apply import apply
from orchestration.interest.plan import Asking, plan
from orchestration.interest.posting import Step
from orchestration.keys import person_signer
from orchestration.settings import Settings
from tests import forked
from tests.interest.bank import Bank

CHUNK_ROWS = 2
"""Of four rows: two commits, so that a run can die between them."""


@pytest.mark.nightly
def test_an_accrual_killed_again_and_again_posts_each_account_once(bank: Bank) -> None:
    deaths = _until_it_ends(_accrue, bank)
    assert deaths >= 5, "two commits of the lake, some steps each"
    events = bank.events("InterestAccrued")
    assert len(events) == len(bank.sums("InterestAccrued")) == 4
    again = accrue(bank.settings, "2026-01", "v1", when=bank.when)
    assert (again.posted, again.posted_before) == (0, 4)


def test_a_replay_killed_again_and_again_corrects_and_tells_each_account_once(
    accrued: Bank,
) -> None:
    accrued.clock = accrued.clock.replace(day=25)  # too late: a decision books them
    asking = Asking(signer=accrued.signer("ana"), reason="rate change missed")
    made = plan(
        accrued.settings, "2026-01", before="v1", after="v2", asking=asking, when=accrued.when
    )
    assert made.token is not None
    deaths = _until_it_ends(_apply, accrued, made.token)
    assert deaths >= 6
    events = accrued.events("CorrectionApplied")
    assert len(events) == len(accrued.sums("CorrectionApplied")) == 4
    assert len(notices.read(accrued.home, period_id=None, account=None)) == 3
    done = apply(accrued.settings, made.token, signer=accrued.signer("ben"), when=accrued.when)
    assert (done.posted, done.decided, done.notices) == (0, 0, 0)


def _until_it_ends(target: Callable[..., None], bank: Bank, *arguments: str) -> int:
    """Run it killed at its second step, then at its fourth, and so on; how often it died.

    Each run begins with what the ones before it left, so that odd steps have their turn too.
    """
    for deaths in count():
        when = bank.when
        process = forked.start(target, bank.root, when.now_us, 2 * deaths + 2, *arguments)
        ended = forked.exit_code(process)
        if ended == 0:
            return deaths
        assert ended == -signal.SIGKILL
    raise AssertionError


def _accrue(root: Path, now_us: int, nth: int) -> None:
    posting.CHUNK_ROWS = CHUNK_ROWS
    when = When(now_us=now_us, historical=True)
    accrue(Settings(home=root), "2026-01", "v1", when=when, step=_dying(nth))


def _apply(root: Path, now_us: int, nth: int, token: str) -> None:
    posting.CHUNK_ROWS = CHUNK_ROWS
    settings = Settings(home=root)
    signer = person_signer(Bank(root).home, "ben")
    when = When(now_us=now_us, historical=True)
    apply(settings, token, signer=signer, when=when, step=_dying(nth))


def _dying(nth: int) -> Step:
    """Kill this process at the nth step it is told of."""
    seen = 0

    def at(_name: str) -> None:
        nonlocal seen
        seen += 1
        if seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return at
