"""Closing a period: plan, apply, reopen, and what they stand on.

Does not hold the rules of periods (`ledger`) or what the gate asks (`expectations`).
"""
