"""Interest: day counts, rates, and algorithms declared once, with one pure way to compute them.

Does not hold SQL (`orchestration.interest` generates it from the declarations), accounts or events.
Called by accruals, replays and the tests that hold the two engines against each other.
"""
