"""Sagas at work: begun, run and looked at, with the clock and the home at hand.

Holds the runner and the desk. Holds no rule (`ledger.sagas`) and no step of any one saga. Called by
the saga commands and Dagster.
"""
