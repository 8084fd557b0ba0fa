"""How sagas are drawn: a list of them, and the path of one.

Holds forms for people and for JSON. Asks nothing. Called by the saga commands.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ledger.instants import from_us
from orchestration.cli import output

if TYPE_CHECKING:
    from rich.console import Console

    from ledger.sagas import Saga, SagaEvent

_SIGNS = {"SagaStepSucceeded": "✓", "refused": "✗", "unknown": "?"}
_COLOURS = {"✓": "green", "✗": "red", "?": "yellow", "·": "dim"}


def row(saga: "Saga") -> dict[str, Any]:
    """One line of the list."""
    action = saga.action
    return {
        "saga_id": saga.saga_id,
        "saga": saga.saga,
        "status": saga.status,
        "begun": from_us(saga.begun_us),
        "next_step": saga.pending[0] if saga.pending else None,
        "attempt": action.attempt if action else None,
        "due": from_us(action.due_us) if action else None,
        "problem": saga.problem or None,
    }


def whole(saga: "Saga", history: "Sequence[SagaEvent]") -> dict[str, Any]:
    """All that is known of a saga."""
    return {**row(saga), "details": saga.details, "history": [_told(one) for one in history]}


def draw(out: "Console", values: Mapping[str, Any]) -> None:
    """Where the saga went, forward and back, and then each event with its time."""
    details = ", ".join(f"{name} {value}" for name, value in values["details"].items())
    title = f"[bold]{values['saga']} {output.escape(values['saga_id'])}[/]: {values['status']}"
    out.print(f"{title} ({output.escape(details)})")
    out.print()
    for line in _path(values["history"], values["status"]):
        out.print(line, soft_wrap=True)
    if values["problem"] and values["status"] not in ("completed", "settled"):
        out.print(f"  [dim]because[/] {output.escape(values['problem'])}", soft_wrap=True)
    out.print()
    out.print(output.table([_line(one) for one in values["history"]]))
    if values["status"] == "waiting":
        name = output.escape(values["saga_id"])
        out.print(f"do: `ledgerlake saga decide {name} retry --by NAME --why REASON`")
    elif values["due"]:
        due = output.instant(values["due"])
        out.print(f"next: {values['next_step']}, try {values['attempt']}, at {due}")


def _told(event: "SagaEvent") -> dict[str, Any]:
    values = {name: value for name, value in vars(event).items() if value is not None}
    del values["saga_id"]
    at_us = values.pop("event_time_us")
    for name in ("retry_us", "deadline_us"):
        if name in values:
            values[name.removesuffix("_us")] = from_us(values.pop(name))
    kind = values.pop("event_type", type(event).__name__)
    return {"event_type": kind, "event_time": from_us(at_us), **values}


def _path(history: Sequence[Mapping[str, Any]], status: str) -> list[str]:
    """`→ OrderPlaced → reserve_funds ✓ → capture_payment ✗`, and below it the way back."""
    lines = []
    for number, part in enumerate(_ways(history)):
        start, *later = part
        steps = [_cell(name, later) for name in start["steps"]]
        if number == 0:
            steps.insert(0, start["event_type"])
        if part[-1]["event_type"] == "SagaEnded":
            steps.append(f"[bold]{status}[/]")
        elif later and later[-1]["event_type"] == "SagaWaitsForPerson":
            steps.append("[bold yellow]waits for a person[/]")
        lines.append(("  → " if number == 0 else "  ↩ ") + " → ".join(steps))
    return lines


def _ways(history: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The events of the way forward, and of the way back if it turned."""
    ways: list[list[Mapping[str, Any]]] = []
    for one in history:
        if "steps" in one:
            ways.append([])
        ways[-1].append(one)
    return ways


def _cell(step: str, later: Sequence[Mapping[str, Any]]) -> str:
    of_step = [one for one in later if one.get("step") == step and "attempt" in one]
    sign = "·"
    if of_step:
        last = of_step[-1]
        sign = _SIGNS[last.get("outcome", last["event_type"])]
    tries = f" ({len(of_step)} tries)" if len(of_step) > 1 else ""
    return f"{step}[{_COLOURS[sign]}]{' ' + sign}[/]{tries}"


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return output.instant(value)
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _line(told: Mapping[str, Any]) -> dict[str, Any]:
    names = ("reference", "outcome", "reason", "retry", "steps", "decision", "by", "why")
    said = [
        f"{name}: {_text(value)}"
        for name in names
        if (value := told.get(name)) not in (None, "", ())
    ]
    return {
        "at": told["event_time"].isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "event": told["event_type"],
        "step": told.get("step"),
        "try": told.get("attempt"),
        "told": "; ".join(said),
    }
