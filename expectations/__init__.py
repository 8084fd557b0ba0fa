"""What a controller asks before a period may close: one suite per question, and the verdict.

Does not query or build figures. Imports `ledger`. Great Expectations (6 s) is loaded by `run_gate`.
"""
