"""Editions: whole, immutable states of the marts that readers open without meeting a writer.

Does not compute figures (dbt does). Called by `ledgerlake publish`, `build` and the watch.
How it works and why: docs/editions.md.
"""
