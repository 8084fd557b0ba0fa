{#
    Booking events, shared by builds and live views: place each on its business day and route
    it by the rules known at its own commit.

    `routed_deltas` books sums (what every figure is made of), `routed_events` single events
    (what people must look at). Both stand on the same common table expressions, so they
    cannot disagree; a test compares them all the same.

    keys       columns that identify a figure; store_id must be one of them
    measures   {name: expression} summed over the events
    events     relation with the columns of a segment
    commits    relation with commit_seq and ingest_time
    stores, policies   relations shaped like int_stores__versions, int_policies__versions
    first_us, last_us  SQL for the first and last event time, in microseconds
#}
{% macro routed_deltas(
    keys, measures, events, commits, stores, policies, first_us, last_us
) -%}
    with {{ booking_rules(stores, commits, policies, first_us, last_us) }},

    zoned_events as (
        {{ zoned_events(events, keys + ['commit_seq', 'event_type', 'amount', 'quantity'])
            | indent(8) }}
    ),

    -- Sums first: 20 million events become a million sums before a rule is looked up.
    daily_sums as (
        select
            {% for key in keys %}zoned_events.{{ key }},
            {% endfor -%}
            zoned_events.commit_seq,
            zoned_events.zone_no,
            {{ business_day('zoned_events.event_us', 'zone_days') }} as business_day,
            {% for name, expression in measures.items() -%}
            {{ expression }} as {{ name }}{{ ',' if not loop.last }}
            {% endfor %}
        from zoned_events
        inner join zone_days
            on
                zoned_events.zone_no = zone_days.zone_no
                and zoned_events.event_us // 86400000000 = zone_days.utc_day
        group by all
    ),

    routed as (
        select
            {% for key in keys %}coalesce(daily_sums.{{ key }}, '(none)') as {{ key }},
            {% endfor -%}
            date '1970-01-01' + cast(daily_sums.business_day as integer) as business_date,
            daily_sums.commit_seq,
            rules.ingest_time,
            {{ route_columns() | indent(12) }},
            {% for name in measures -%}
            daily_sums.{{ name }}{{ ',' if not loop.last }}
            {% endfor %}
        from daily_sums
        inner join rules
            on daily_sums.commit_seq = rules.commit_seq
        inner join business_day_starts
            on
                daily_sums.zone_no = business_day_starts.zone_no
                and daily_sums.business_day = business_day_starts.business_day
    )

    -- Sources may themselves write '(none)', so sum once more under the final keys.
    select
        {{ keys | join(', ') }},
        business_date,
        commit_seq,
        ingest_time,
        route,
        is_correction,
        lateness_days,
        {% for name in measures -%}
        {{ total(name) }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from routed
    group by all
{%- endmacro %}


{# What routed_deltas gives when there is nothing to book: its columns, no rows. #}
{% macro no_deltas(keys, measures) -%}
    select
        {% for key in keys -%}
        cast(null as varchar) as {{ key }},
        {% endfor -%}
        cast(null as date) as business_date,
        cast(null as bigint) as commit_seq,
        cast(null as timestamptz) as ingest_time,
        cast(null as varchar) as route,
        cast(null as boolean) as is_correction,
        cast(null as integer) as lateness_days,
        {% for name in measures -%}
        cast(null as {{ figure_type(name) }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    where false
{%- endmacro %}


{# One row per event: all its columns, its business date and its route. #}
{% macro routed_events(events, commits, stores, policies, first_us, last_us) -%}
    with {{ booking_rules(stores, commits, policies, first_us, last_us) }},

    zoned_events as (
        {{ zoned_events(events, event_columns().keys() | list) | indent(8) }}
    ),

    placed_events as (
        select
            zoned_events.*,
            {{ business_day('zoned_events.event_us', 'zone_days') }} as business_day
        from zoned_events
        inner join zone_days
            on
                zoned_events.zone_no = zone_days.zone_no
                and zoned_events.event_us // 86400000000 = zone_days.utc_day
    )

    select
        placed_events.*,
        date '1970-01-01' + cast(placed_events.business_day as integer) as business_date,
        {{ route_columns() | indent(8) }}
    from placed_events
    inner join rules
        on placed_events.commit_seq = rules.commit_seq
    inner join business_day_starts
        on
            placed_events.zone_no = business_day_starts.zone_no
            and placed_events.business_day = business_day_starts.business_day
{%- endmacro %}


{# The tables every booking looks things up in: zones, days, and the rules of each commit. #}
{% macro booking_rules(stores, commits, policies, first_us, last_us) -%}
known_stores as materialized (
        select store_id, time_zone, day_cut_off_minutes, commit_from, commit_to
        from {{ stores }}
    ),

    zones as (
        {{ zones('known_stores') | indent(8) }}
    ),

    store_zones as (
        {{ store_zones('known_stores', 'zones') | indent(8) }}
    ),

    business_day_starts as (
        {{ business_day_starts('zones', first_us, last_us) | indent(8) }}
    ),

    zone_days as (
        {{ zone_days('business_day_starts') | indent(8) }}
    ),

    rules as (
        {{ commit_rules(commits, policies) | indent(8) }}
    )
{%- endmacro %}


{# Events with the number of the zone their store was known to keep at their own commit. #}
{% macro zoned_events(events, columns) -%}
    select
        {% for column in columns -%}
        events.{{ column }},
        {% endfor -%}
        epoch_us(events.event_time) as event_us,
        coalesce(store_zones.zone_no, 0) as zone_no
    from {{ events }} as events
    left join store_zones
        on
            events.store_id = store_zones.registered_store_id
            and events.commit_seq >= store_zones.commit_from
            and events.commit_seq < store_zones.commit_to
{%- endmacro %}


{# A sum in the type its figure is kept in: counts are whole, money is exact. #}
{% macro total(measure, only_if=none) -%}
    {%- set condition = ' filter (where ' ~ only_if ~ ')' if only_if else '' -%}
    cast(coalesce(sum({{ measure }}){{ condition }}, 0) as {{ figure_type(measure) }})
{%- endmacro %}


{% macro figure_type(name) -%}
    {{ 'bigint' if name.endswith('count') else 'decimal(38, 4)' }}
{%- endmacro %}
