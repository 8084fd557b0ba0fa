"""A year of retail sales through the whole warehouse to closed books, and a report of what changed.

Holds what is the demo's alone: its arrivals, its steps, its report. Uses only what every user
has. Run by `make demo`.
"""
