"""Accounts at work: commands sent through the journal, histories, snapshots, past states.

Holds reading and writing with the clock and the home at hand. Holds no rule (`ledger.accounts`).
Called by the account commands of the command line.
"""
