"""Read only access to published editions.

Does not write. Imports `ledger` and `audit`.
"""
