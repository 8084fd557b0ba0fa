"""How the commands of the close are drawn: plans, outcomes, differences, certificates.

Holds drawing only. Called by `orchestration.cli.close`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestration.cli import output

if TYPE_CHECKING:
    from rich.console import Console

    from orchestration.close.apply import Closed, Failed
    from orchestration.close.certificates import Listed, Verified
    from orchestration.close.diff import Diff
    from orchestration.close.finding import Finding
    from orchestration.close.planned import Planned
    from orchestration.close.reopen import Reopening
    from orchestration.close.reproduce import Reproduced
    from orchestration.close.status import RunStatus


def draw_plan(out: "Console", done: "Planned") -> None:
    made = done.plan
    out.print(
        f"Close of {made.period_id} ({made.first_date} up to {made.end_date}), as closed edition"
        f" {made.closed_edition}"
    )
    _draw_findings(out, "[red]blocker[/]", made.blockers)
    _draw_findings(out, "[yellow]warning[/]", made.warnings)
    if made.figures:
        rows = [
            {"frozen table": one.name, "rows": one.rows, "sha256": one.sha256}
            for one in made.figures
        ]
        out.print(output.table(rows, title="Figures that will freeze", numbers=("rows",)))
    if made.control_totals:
        totals = [{"control total": one.name, "value": one.value} for one in made.control_totals]
        out.print(output.table(totals, title="Control totals", numbers=("value",)))
    for one in made.lateness.get("residual", [])[:1]:
        out.print(
            f"{one['says']} (all stores): {one['known_events']:,} events known,"
            f" {one['expected_missing']} expected; per store and day by day with --json"
        )
    if made.blockers:
        out.print(f"[red]{len(made.blockers)} blockers[/]: repair them, then plan again.")
    elif done.token is None:
        out.print("Nothing blocks. Ask for the close: add --as NAME.")
    else:
        codes = "".join(f" --acknowledge {one.code}" for one in made.warnings)
        out.print(f"Token {done.token}; another person runs:")
        out.print(f"  ledgerlake close apply {done.token} --as APPROVER{codes}", soft_wrap=True)


def _draw_findings(out: "Console", mark: str, findings: "Sequence[Finding]") -> None:
    for one in findings:
        out.print(f"{mark} {one.code} ({one.count:,}): {output.escape(one.question)}")
        for row in one.sample:
            said = ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)
            out.print(f"      {output.escape(said)}")
        out.print(f"      do: {output.escape(one.remedy)}")


def draw_applied(out: "Console", done: "Closed | Failed") -> None:
    from orchestration.close.apply import Closed  # noqa: PLC0415 heavy

    if isinstance(done, Closed):
        out.print(
            f"[green]{done.period_id} is Closed[/], edition {done.closed_edition}: cut-off commit"
            f" {done.cut_off_commit:,}, certified edition {done.published_edition}; readers see"
            f" edition {done.shown_edition}."
        )
        out.print(f"Certificate {done.certificate}, SHA-256 {done.certificate_sha256}")
        return
    out.print(
        f"[red]{done.period_id} stays SoftClosed[/]: {done.step}: {output.escape(done.reason)}"
    )
    if done.docs:
        out.print(f"Report: {done.docs}")
    out.print(f"Repair it, then: ledgerlake close plan {done.period_id} --as NAME")


def draw_status(out: "Console", found: "list[RunStatus]") -> None:
    if not found:
        out.print("No close was planned yet: ledgerlake close plan PERIOD --as NAME")
        return
    rows = [
        {
            "period": one.period_id,
            "state": one.state,
            "asked by": one.requester,
            "approved by": one.approver,
            "step": one.step,
            "why": one.reason,
            "next": one.next,
        }
        for one in found
    ]
    out.print(output.table(rows))


def draw_reopening(out: "Console", done: "Reopening") -> None:
    if done.approver:
        out.print(
            f"{done.period_id} is Reopened (asked by {done.requester}, approved by"
            f" {done.approver}); readers see the closed edition until it is closed again."
        )
        return
    out.print(f"Request {done.request_id} to reopen {done.period_id}; another person runs:")
    out.print(f"  ledgerlake reopen {done.period_id} --approve {done.request_id} --as APPROVER")


def draw_diff(out: "Console", found: "Diff") -> None:
    out.print(f"{found.period_id}: closed edition {found.before} to {found.after}")
    for table in sorted({one.table for one in found.changes}):
        rows = [
            {
                **one.key,
                **{name: _moved(one.before[name], one.after[name]) for name in one.after},
            }
            for one in found.changes
            if one.table == table
        ]
        out.print(output.table(rows, title=table))
    if not found.changes:
        out.print("No figure differs.")
    sums = [vars(one) for one in found.sums]
    if sums:
        out.print(output.table(sums, title="Amounts", numbers=("before", "after", "delta")))


def _moved(before: object, after: object) -> str:
    if before == after:
        return output.cell(after)
    return f"{output.cell(before) or 'none'} -> {output.cell(after) or 'none'}"


def draw_listed(out: "Console", found: "list[Listed]") -> None:
    if not found:
        out.print("No period was closed yet.")
        return
    rows = [
        {
            "period": one.period_id,
            "edition": one.closed_edition,
            "state": one.state,
            "cut-off commit": one.cut_off_commit,
            "sha256": one.sha256,
        }
        for one in found
    ]
    out.print(output.table(rows))


def draw_verified(out: "Console", found: "list[Verified]") -> None:
    for one in found:
        mark = "[green]ok[/]" if one.ok else "[red]WRONG[/]"
        out.print(f"{mark} {one.period_id} edition {one.closed_edition}: {len(one.checks)} checks")
        for problem in one.problems:
            out.print(f"      {output.escape(problem)}")


def draw_reproduced(out: "Console", found: "Reproduced") -> None:
    rows = [
        {
            "figure": one.name,
            "certified rows": one.certified_rows,
            "rows": one.rows,
            "certified SHA-256": one.certified_sha256,
            "SHA-256": one.sha256,
        }
        for one in found.figures
    ]
    out.print(output.table(rows, numbers=("certified rows", "rows")))
    mark = "[green]same[/]" if found.same else "[red]DIFFERS[/]"
    out.print(
        f"{mark} {found.period_id} edition {found.closed_edition}, made again from the lake up to"
        f" commit {found.cut_off_commit:,}"
    )
    for one in found.figures:
        if not one.same:
            out.print(f"      {one.name} is not as certified")
    if found.certificate != "there":
        out.print(
            f"      the certificate is {found.certificate}: the lake names SHA-256"
            f" {found.certificate_sha256}"
        )
    if found.changed:
        out.print(f"Not as when certified: {output.escape('; '.join(found.changed))}")
