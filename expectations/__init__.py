"""What a controller asks before a period may close.

Does not build figures. Imports `ledger`.
"""
