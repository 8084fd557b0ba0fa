"""Curves as small SVG pictures inside markdown, which Dagster's pages show without a server.

Pure: no plotting library, no file. Numbers become floats here only. Called by `assets`.
"""

import base64
from collections.abc import Mapping, Sequence
from html import escape

from dagster import MarkdownMetadataValue, MetadataValue

WIDTH, HEIGHT, MARGIN = 640, 160, 28
COLOURS = ("#3b6fb6", "#c2571a", "#3d8b57", "#8a4fae", "#7a7a7a")
"""Told apart by colour-blind readers too; more than five currencies share them in turn."""

Point = tuple[str, float]


def daily_curve(rows: Sequence[Mapping[str, object]]) -> MarkdownMetadataValue:
    """`amount` by `business_date`, one line per `currency`."""
    lines: dict[str, list[Point]] = {}
    for row in rows:
        point = (str(row["business_date"]), float(str(row["amount"])))
        lines.setdefault(str(row["currency"]), []).append(point)
    return picture(lines, title="Sales by business date")


def lateness_curve(rows: Sequence[Mapping[str, object]]) -> MarkdownMetadataValue:
    """`known_percent` by `lateness_days`, one line per `store_id`."""
    lines: dict[str, list[Point]] = {}
    for row in rows:
        point = (str(row["lateness_days"]), float(str(row["known_percent"])))
        lines.setdefault(str(row["store_id"]), []).append(point)
    return picture(
        lines, title="Events known, % by days after the initial cut-off", from_zero=False
    )


def completeness_curve(
    rows: Sequence[Mapping[str, object]], known: Sequence[Mapping[str, object]]
) -> MarkdownMetadataValue:
    """`events_share` in % by `days_after`, one line per `store_id`: of those with the most
    `known_events`, which are in `known`."""
    largest = sorted(known, key=lambda row: -int(str(row["known_events"])))
    drawn = [str(row["store_id"]) for row in largest[: len(COLOURS)]]
    lines: dict[str, list[Point]] = {name: [] for name in drawn}
    for row in rows:
        if (name := str(row["store_id"])) in lines:
            percent = 100 * float(str(row["events_share"]))
            lines[name].append((str(row["days_after"]), percent))
    title = "Final events known, % by days after a day was due"
    return picture(lines, title=title, from_zero=False)


def picture(
    lines: Mapping[str, Sequence[Point]], *, title: str, from_zero: bool = True
) -> MarkdownMetadataValue:
    """Lines over one axis of labels, in order of label; text when there is nothing to draw."""
    if not any(lines.values()):
        return MetadataValue.md("nothing to draw yet")
    drawn = base64.b64encode(svg(lines, title=title, from_zero=from_zero).encode()).decode()
    return MetadataValue.md(f"![{title}](data:image/svg+xml;base64,{drawn})")


def svg(lines: Mapping[str, Sequence[Point]], *, title: str, from_zero: bool = True) -> str:
    """The picture itself; its height spans the values, and zero if they are drawn `from_zero`."""
    labels = sorted({label for points in lines.values() for label, _ in points}, key=_order)
    values = [value for points in lines.values() for _, value in points]
    low, high = min(values), max(values)
    if from_zero:
        low, high = min(0.0, low), max(0.0, high)
    across = (WIDTH - 2 * MARGIN) / max(len(labels) - 1, 1)
    up = (HEIGHT - 2 * MARGIN) / ((high - low) or 1.0)
    place = {label: MARGIN + number * across for number, label in enumerate(labels)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(MARGIN, 14, f"{title}, {low:,.2f} to {high:,.2f}"),
        _text(MARGIN, HEIGHT - 8, labels[0]),
        _text(WIDTH - MARGIN, HEIGHT - 8, labels[-1], 'text-anchor="end"'),
    ]
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(
            f"{place[label]:.1f},{HEIGHT - MARGIN - (value - low) * up:.1f}"
            for label, value in points
        )
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')
        look = f'text-anchor="end" fill="{colour}"'
        parts.append(_text(WIDTH - MARGIN, 14 + 13 * number, name, look))
    return "".join([*parts, "</svg>"])


def _text(x: int, y: int, words: str, look: str = "") -> str:
    return f'<text x="{x}" y="{y}" {look}>{escape(words)}</text>'


def _order(label: str) -> tuple[float, str]:
    """Numbers by size, everything else (dates) by text."""
    return (float(label), "") if label.lstrip("-").isdigit() else (0.0, label)
