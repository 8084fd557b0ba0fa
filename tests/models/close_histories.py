"""Random lives of a shop's books, and one with something of everything.

Holds the Hypothesis strategy of acts in a row with builds between them, and `RICH_HISTORY`. Called
by `test_closes`.
"""

from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st

from tests.models.close_acts import (
    DEATHS,
    PARTIAL_BUILDS,
    POLICIES,
    SOURCES,
    Act,
    Arrive,
    Build,
    Decide,
    Finish,
    Grant,
    History,
    KilledBuild,
    Register,
    Reopen,
    Revoke,
    Seal,
    SetPolicy,
    SoftClose,
    Wait,
)
from tests.models.histories import ACCOUNTS, CATEGORIES, PLACES, STORES, Move, Sale, several
from tests.models.warehouse import MODELS

DECISIONS = ("fitting", "fitting", "next_period", "restated", "rejected", "pending")

_before = st.one_of(
    st.integers(0, 3 * 24 * 60), st.integers(0, 12 * 24 * 60), st.integers(0, 75 * 24 * 60)
).map(lambda minutes: timedelta(minutes=minutes))
_sales = st.builds(
    Sale,
    before=_before,
    store=st.sampled_from(STORES),
    category=st.sampled_from(CATEGORIES),
    refund=st.booleans(),
    amount=st.integers(0, 10**9),
    quantity=st.integers(-20_000, 50_000),
)
_moves = st.builds(
    Move,
    before=_before,
    account=st.sampled_from(ACCOUNTS),
    kind=st.sampled_from(("AccountOpened", "FundsDeposited", "FundsWithdrawn", "InterestAccrued")),
    amount=st.integers(-(10**9), 10**9),
    store=st.sampled_from(("harbour", None)),
)
_arrivals = st.builds(
    Arrive,
    source=st.sampled_from(SOURCES),
    sales=several(_sales, 6),
    moves=several(_moves, 3),
    dies_at=st.none() | st.sampled_from(DEATHS),
)
_pauses = (
    timedelta(minutes=5),
    timedelta(hours=7),
    timedelta(days=4),
    timedelta(days=12),
    timedelta(days=30),
)
_closes = st.sampled_from(
    (
        (SoftClose(),),
        (Seal(),),
        (Seal(), Finish(closed=True)),
        (Finish(closed=True),),
        (Finish(closed=False),),
        (Reopen(),),
    )
)
_decisions = st.builds(
    Decide,
    first=st.integers(0, 30),
    count=st.integers(1, 3),
    how=st.sampled_from(DECISIONS),
)
_grants = st.builds(
    Grant,
    source=st.none() | st.sampled_from(SOURCES),
    store_id=st.none() | st.just("harbour"),
    amount_cap=st.none() | st.just(Decimal(50_000)),
)
_acts: st.SearchStrategy[History] = st.one_of(
    st.tuples(_arrivals),
    st.tuples(st.sampled_from(_pauses).map(Wait), _arrivals),
    _closes,
    st.tuples(st.just(Seal()), _arrivals, st.just(Finish(closed=True)), _arrivals),
    st.tuples(st.just(Reopen()), _arrivals, _decisions),
    st.tuples(_decisions, _decisions),
    st.tuples(_grants | st.just(Revoke()), _arrivals),
    st.tuples(
        st.integers(0, len(POLICIES) - 1).map(SetPolicy)
        | st.builds(
            Register, store=st.sampled_from(("harbour", "station")), days=st.sampled_from(PLACES)
        )
    ),
)
_chapters = st.lists(_acts, min_size=7, max_size=12).map(lambda parts: sum(parts, ()))


def histories(*builds: Act, chapters: int) -> st.SearchStrategy[History]:
    """Chapters with a build between them; some builds stop half way."""
    between = st.sampled_from(builds).map(lambda one: (one,))
    parts = [between if number % 2 else _chapters for number in range(2 * chapters - 1)]
    return st.tuples(*parts).map(lambda found: sum(found, ()))


def _sale(days: float, amount: int = 70_000, store: str | None = "harbour") -> Sale:
    return Sale(
        before=timedelta(days=days),
        store=store,
        category="tea",
        refund=amount % 20_000 == 0,
        amount=amount,
        quantity=10_000,
    )


def _trade(*days: float, source: str = "till", dies_at: str | None = None) -> Arrive:
    """A sale, a refund and a deposit of each of so many days ago."""
    return Arrive(
        source=source,
        sales=tuple(one for ago in days for one in (_sale(ago), _sale(ago, 20_000, None))),
        moves=tuple(
            Move(
                before=timedelta(days=ago),
                account="anna",
                kind="FundsDeposited" if number % 2 else "FundsWithdrawn",
                amount=5_000,
                store=None,
            )
            for number, ago in enumerate(days)
        ),
        dies_at=dies_at,
    )


RICH_HISTORY: History = (
    Register("harbour", PLACES[1]),
    SetPolicy(0),
    Wait(timedelta(days=20)),
    _trade(0.1, 3, 9),
    Build(PARTIAL_BUILDS[1]),
    Wait(timedelta(days=5)),
    _trade(0.1, 6, 20, dies_at="before_commit"),
    Arrive("till", (_sale(1, 10**9),)),
    SoftClose(),
    _trade(4.8, source="till"),
    _trade(4.8, source="office"),
    Build(PARTIAL_BUILDS[0]),
    Seal(),
    _trade(4.8, source="office", dies_at="after_commit"),
    Finish(closed=False),
    Seal(),
    Finish(closed=True),
    _trade(8, 9),
    Build(MODELS),
    Decide(0, 3, "fitting"),
    Decide(0, 2, "rejected"),
    Decide(0, 2, "fitting"),
    Decide(0, 1, "pending"),
    KilledBuild(60),
    Reopen(),
    _trade(10),
    Decide(0, 2, "fitting"),
    Grant(source="office"),
    _trade(11, source="office"),
    Revoke(),
    _trade(11, source="office"),
    Seal(),
    Finish(closed=True),
    Build(MODELS),
    Wait(timedelta(days=30)),
    _trade(0.1, 15, 40),
    Decide(5, 2, "rejected"),
    Decide(1, 1, "pending"),
    Seal(),
    Finish(closed=True),
    _trade(30),
    Decide(9, 2, "fitting"),
)
"""Every outcome, every reason, both kinds of death, an edition 2, in one story."""
