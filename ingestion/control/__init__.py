"""The choke point: the one way by which control events come into the lake.

Holds the gate inside `Lake.append`, writing control events, reading the books, and the re-check
of a whole lake. Does not hold the rules (`ledger.rules`) or keys. Called by the lake, the close,
the command line and `ledgerlake verify`.
"""
