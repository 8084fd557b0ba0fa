"""The desk: what people do about late events, locks, periods, calendars and each other.

Holds services that sign statements with a person's key and record them through the choke point, and
what one asks before deciding. Does not hold rules (`ledger`) or draw. Called by `orchestration.cli`
and the jobs.
"""
