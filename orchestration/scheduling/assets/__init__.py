"""What Dagster shows as assets, one module each: the lake, dbt's models, the edition, periods.

Add a module here for a new kind of thing that is made and kept. What asks for it goes to
`sensors` or `jobs`; how it is drawn to `shown`.
"""
