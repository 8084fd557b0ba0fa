"""Measurements of the speeds and the memory Ledgerlake promises, on generated data.

Does not hold tests of time: nothing here fails a build for being slow. Each script runs alone
(`python -m benchmarks.ingest --events 1000000`); `make bench` runs them all.
"""
