"""How results about interest are drawn, and their JSON form where it is not the result itself.

Does not compute. Called by `cli.interest`.
"""
# ruff: noqa: PLC0415 heavy imports wait until a command runs, so that --help is quick

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestration.cli import output

if TYPE_CHECKING:
    from rich.console import Console

    from orchestration.interest.accrue import Accrued
    from orchestration.interest.apply import Applied
    from orchestration.interest.explain import Explained
    from orchestration.interest.notices import Notice
    from orchestration.interest.planned import Planned


def draw_accrued(out: "Console", done: "Accrued") -> None:
    said = f"{done.posted:,} accruals of {done.period_id} posted by {done.algorithm}"
    if done.last_commit is not None:
        said += f", until commit {done.last_commit:,}"
    out.print(f"{said}; {done.posted_before:,} were there before.")
    if done.sums:
        out.print(output.table(_written(done.sums), numbers=("accounts", "amount")))
    if done.without_rates:
        out.print(f"Balances in a currency without rates: {done.without_rates:,}.")
    if done.goes_to_people:
        out.print(
            f"They are exceptions ({done.goes_to_people}):"
            " `ledgerlake exceptions decide --source interest --decision next_period --why REASON"
            " --as NAME` asks to book them."
        )
    out.print(f"[dim]Balances as known at commit {done.known_as_of_commit:,}.[/]")


def draw_explained(out: "Console", found: "Explained") -> None:
    numbers = tuple(name for name in found.days[0] if name not in {"currency", "day"})
    out.print(output.table(found.days, numbers=numbers))
    totals = _written(found.totals)
    out.print(output.table(totals, title="In all", numbers=tuple(totals[0])[1:]))
    out.print(f"[dim]Edition {found.edition.number}, commit {found.edition.commit_seq:,}.[/]")


def declared() -> list[dict[str, Any]]:
    """The register as values."""
    from ledger.interest.algorithms import ALGORITHMS

    return [
        {
            "name": one.name,
            "says": one.says,
            "day_count": one.day_count,
            "rate_read": one.rate_read,
            "tiering": one.tiering,
            "compounding": one.compounding,
            "accrual_digits": one.accrual_digits,
            "daily_rounding": one.daily_rounding,
            "rounding": one.rounding,
            "sha256": one.sha256,
            "rates": one.rates,
        }
        for one in ALGORITHMS.values()
    ]


def draw_declared(out: "Console", found: list[dict[str, Any]]) -> None:
    for one in found:
        out.print(output.pairs({k: v for k, v in one.items() if k != "rates"}, title=one["name"]))
    rows = [
        {
            "algorithm": one["name"],
            "currency": currency,
            "from": change.first_date,
            "tiers": ", ".join(f"{tier.percent}% from {tier.balance}" for tier in change.tiers),
            "overdraft": f"{change.overdraft_percent}%",
        }
        for one in found
        for currency, changes in one["rates"].items()
        for change in changes
    ]
    out.print(output.table(rows, title="Rates a year"))


def draw_notices(out: "Console", found: "list[Notice]", rows: int) -> None:
    if not found:
        out.print("No notices.")
        return
    drawn = [
        {
            "notice": one.notice_id[:12],
            "account": one.account_id,
            "period": one.period_id,
            "corrections": "; ".join(
                f"{c['delta']} {c['currency']}" for c in _written(one.corrections)
            ),
        }
        for one in found[:rows]
    ]
    out.print(output.table(drawn))
    if len(found) > rows:
        out.print(f"{len(found) - rows:,} more: --rows {len(found)}, or --json for all.")


def _written(rows: "Sequence[Mapping[str, Any]]") -> list[dict[str, Any]]:
    """Amounts, which plans and notices keep with 4 decimals, as their currency writes them."""
    from orchestration.interest.amounts import written

    return [output.with_own_decimals(written(row)) for row in rows]


def planned_values(done: "Planned") -> dict[str, Any]:
    from orchestration.interest.planned import CSV, HTML

    return {
        "plan": done.plan,
        "plan_sha256": done.plan.sha256,
        "token": done.token,
        "csv": done.folder / CSV,
        "html": done.folder / HTML,
    }


def draw_plan(out: "Console", done: "Planned") -> None:
    plan = done.plan
    out.print(
        f"Interest of {plan.period_id}, {plan.from_algorithm} to {plan.to_algorithm}:"
        f" {plan.compared:,} balances compared, {plan.affected:,} differ,"
        f" {plan.corrections:,} corrections to post."
    )
    if plan.sums:
        numbers = ("accounts", "old", "new", "delta", "posted", "below_materiality")
        out.print(output.table(_written(plan.sums), title="By currency", numbers=numbers))
        out.print(output.table(_written(plan.why), title="Why", numbers=("accounts", "delta")))
    if plan.decides:
        out.print(
            f"{plan.decides:,} cannot be booked in {plan.period_id} ({plan.goes_to_people}): they"
            " become prior-period adjustments of the first open period."
        )
    values = planned_values(done)
    out.print(f"Report: {output.escape(str(values['csv']))}")
    out.print(f"        {output.escape(str(values['html']))}")
    if done.token:
        out.print(f"Another person approves: ledgerlake replay apply {done.token} --as NAME")
    elif plan.corrections:
        out.print("Nothing was asked for: add --as NAME and --why.")
    else:
        out.print("Nothing to post, so nothing to ask for.")


def draw_applied(out: "Console", done: "Applied") -> None:
    said = f"{done.posted:,} corrections of {done.period_id} posted"
    if done.posted_before:
        said += f", {done.posted_before:,} were there before"
    out.print(f"{said}; {done.notices:,} notices put into the outbox.")
    if done.decided:
        out.print(f"{done.decided:,} of them decided into the first open period.")
    out.print("[dim]`ledgerlake build --publish` shows them in the figures.[/]")
