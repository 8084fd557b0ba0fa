"""Interest at work: balances read, algorithms run in SQL, amounts posted, mistakes put right.

Does not declare algorithms (`ledger.interest`). Called by `ledgerlake interest` and
`ledgerlake replay`.
"""
