"""The rules, pure: money, calendars, lateness, periods.

Does not hold files, clocks or SQL. Imported by every other room.
"""
