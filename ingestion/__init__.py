"""The only writer of the lake: sources, contracts, the lake itself.

Does not read dbt tables. Imports `ledger` and `audit`; called by `orchestration`.
"""
