"""Closing a period: plan, apply, reopen, and what changed between editions.

Every change of state goes through the choke point of the lake; this room only decides when to ask.
Called by `ledgerlake close`, `reopen`, `diff` and the jobs. How it works: docs/close.md.
"""
