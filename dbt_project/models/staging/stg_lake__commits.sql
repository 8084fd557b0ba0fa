-- One row per commit of the lake, up to the knowledge cut.
{{ config(materialized='incremental', incremental_strategy='append') }}
{% set files = new_commit_files(after=booked_until()) %}

-- Materialized: inlined, DuckDB 1.5.5 shapes the JSON anew for each column below (1,000
-- commits took 0.9 s of CPU, 0.1 s like this).
with commit_infos as materialized (
    {{ read_commit_files(files) | indent(4) }}
),

stg_lake__commits as (
    select
        lake.seq as commit_seq,
        make_timestamptz(lake.ingest_time_us) as ingest_time,
        lake.commit_id,
        lake.previous_sha256,
        lake.historical_import as is_historical_import,
        lake.tree_size,
        lake.tree_root,
        lake.counts.received as received_count,
        lake.counts.accepted as accepted_count,
        lake.counts.duplicate as duplicate_count,
        lake.counts.quarantined as quarantined_count,
        lake.segments,
        lake.outcomes
    from commit_infos
)

select * from stg_lake__commits
