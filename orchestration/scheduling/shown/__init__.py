"""How figures look on an asset's page: tables, and curves drawn as SVG.

Pure: rows in, Dagster metadata out. Does not query. Called by `assets`.
"""
