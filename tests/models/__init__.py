"""Laws and published results of the marts, on real lakes and a real dbt build.

The lake is written through `ingestion`; figures are read from the warehouse a build leaves.
"""
