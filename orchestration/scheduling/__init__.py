"""Dagster: which asset comes after which, and what asks for it when. One room per Dagster concept.

Does not compute: assets, sensors and jobs call the functions the command line calls, so that the
same choke points hold. `definitions` assembles it all; `[tool.dagster]` in pyproject.toml names it.
Imported by Dagster only; no other room may, for the import takes seconds.
"""
