"""What the pictures on Dagster's pages show: which lines, and over which height."""

import base64
import re

from dagster import MarkdownMetadataValue

from orchestration.scheduling.shown.curves import completeness_curve, daily_curve, picture


def _drawn(curve: MarkdownMetadataValue) -> str:
    assert curve.md_str is not None
    return base64.b64decode(curve.md_str.split("base64,")[1].rstrip(")")).decode()


def _heights(svg: str) -> list[list[float]]:
    lines = re.findall(r'points="([^"]*)"', svg)
    return [[float(point.split(",")[1]) for point in line.split()] for line in lines]


def test_completeness_shows_the_largest_stores_and_fills_the_height() -> None:
    known = [{"store_id": f"s{n}", "known_events": n} for n in range(9)]
    rows = [
        {"store_id": f"s{n}", "days_after": day, "events_share": 0.97 + 0.01 * day}
        for n in range(9)
        for day in (0, 2)
    ]
    svg = _drawn(completeness_curve(rows, known))
    assert re.findall(r">(s\d)<", svg) == ["s8", "s7", "s6", "s5", "s4"]
    assert "97.00 to 99.00" in svg
    assert _heights(svg) == [[132.0, 28.0]] * 5, "from the bottom to the top of the picture"


def test_amounts_are_drawn_from_zero() -> None:
    rows = [
        {"business_date": f"2026-01-0{day}", "currency": "EUR", "amount": amount}
        for day, amount in ((1, "50.0000"), (2, "100.0000"))
    ]
    svg = _drawn(daily_curve(rows))
    assert "0.00 to 100.00" in svg
    assert _heights(svg) == [[80.0, 28.0]]


def test_nothing_is_said_to_be_nothing() -> None:
    assert completeness_curve([], []).md_str == "nothing to draw yet"
    assert picture({"s1": []}, title="Sales").md_str == "nothing to draw yet"
