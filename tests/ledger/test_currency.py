"""Amounts as their currency writes them."""

from decimal import Decimal

import pytest

from ledger.currency import as_written


@pytest.mark.parametrize(
    ("amount", "code", "written"),
    [
        ("0", "EUR", "0.00"),
        ("35", "EUR", "35.00"),
        ("88.0000", "JPY", "88"),
        ("1E+3", "JPY", "1000"),
        ("-1.5", "BHD", "-1.500"),
        ("0.0001", "EUR", "0.0001"),
        ("2.5000", "JPY", "2.5"),
        ("3.0000", "XAU", "3"),
        ("99999999999999.9999", "EUR", "99999999999999.9999"),
        ("7.0000", None, "7"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency_or_those_it_needs(
    amount: str, code: str | None, written: str
) -> None:
    assert f"{as_written(Decimal(amount), code)}" == written
