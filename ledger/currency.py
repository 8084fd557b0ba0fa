"""Currency codes of ISO 4217 and how many decimals their minor unit has.

Holds the codes in use (list one), the withdrawn ones that old books still carry (list three,
withdrawn since 1999), `minor_digits`, `decimals` and `as_written`. Does not hold rates or names.
Called by contracts (is it a code?), by mappings whose amounts come in minor units, and by whoever
shows an amount.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_TWO_DECIMALS = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
    CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP
    GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK
    LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO
    NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS
    SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST
    XAD XCD XCG YER ZAR ZMW ZWG
"""
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"
# Metals, bond units, special drawing rights, testing (XTS) and "no currency" (XXX).
_WITHOUT_MINOR_UNIT = "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX"
# ISO 4217 gives no minor unit for withdrawn codes, so amounts in them cannot come in minor units.
_WITHDRAWN = """
    ADP AFA ANG AON AOR ATS AZM BEF BGL BGN BYB BYR CSD CUC CYP DEM ECS ECV EEK ESP FIM FRF GHC
    GRD GWP HRK IEP ITL LTL LUF LVL MGF MRO MTL MZM NLG PTE ROL RUR SDD SIT SKK SLL SRG STD TJR
    TMM TPE TRL USS VEB VEF XEU XFU YUM ZMK ZWD ZWL ZWN ZWR
"""

_DIGITS: tuple[tuple[str, int | None], ...] = (
    (_NO_DECIMALS, 0),
    (_TWO_DECIMALS, 2),
    (_THREE_DECIMALS, 3),
    (_FOUR_DECIMALS, 4),
    (_WITHOUT_MINOR_UNIT, None),
    (_WITHDRAWN, None),
)

MINOR_DIGITS: Final[Mapping[str, int | None]] = MappingProxyType(
    {code: digits for codes, digits in _DIGITS for code in codes.split()}
)
"""Code -> decimals of its minor unit; None where the code has no minor unit."""

CODES: Final = frozenset(MINOR_DIGITS)
"""Every code an event may carry."""


def minor_digits(code: str) -> int | None:
    """Decimals of the minor unit (2 for EUR: 1 cent = 0.01). KeyError for an unknown code."""
    return MINOR_DIGITS[code]


def decimals(amount: Decimal) -> int:
    """How many decimals an amount needs (1.500 -> 1, 20.00 -> 0)."""
    return max(0, -int(amount.normalize().as_tuple().exponent))


def as_written(amount: Decimal, code: str | None) -> Decimal:
    """The same amount with as many decimals as its currency's minor unit has (0 -> 0.00 EUR), or as
    many as it needs."""
    digits = MINOR_DIGITS.get(code or "") or 0
    return amount.quantize(Decimal(1).scaleb(-max(digits, decimals(amount))))
