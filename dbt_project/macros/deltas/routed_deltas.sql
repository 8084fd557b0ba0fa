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
    rules      see built_rules
    utc_days   SQL for a list of days since 1970-01-01, of the events and three around: see days_between
#}
{% macro routed_deltas(keys, measures, events, commits, rules, utc_days) -%}
    with {{ routed_sums(keys, measures, events, commits, rules, utc_days) }},

    {{ keyed_sums(keys, measures) }}

    {{ keyed_deltas(keys, measures, rules) }}
{%- endmacro %}


{#
    Common table expressions up to `routed`: sums of events, each with its route. `also` are columns
    of the events that sums are kept apart by besides.
#}
{% macro routed_sums(keys, measures, events, commits, rules, utc_days, also=[]) -%}
    {% set columns = ['commit_seq', 'event_type', 'amount', 'quantity'] + also -%}
    {% if rules.by_source %}{% do columns.append('source') %}{% endif -%}
    {{ booking_rules(rules, commits, utc_days) }},

    zoned_events as (
        {{ zoned_events(events, keys + columns, rules) | indent(8) }}
    ),

    -- Sums first: 20 million events become a million sums before a rule is looked up.
    daily_sums as (
        select
            {% for key in keys + also %}zoned_events.{{ key }},
            {% endfor -%}
            zoned_events.commit_seq,
            -- A store has one zone at a commit: no key, and 20 million keys are shorter.
            min(zoned_events.zone_no) as zone_no,
            {{ business_day('zoned_events.event_us', 'zone_days') }} as business_day,
            {% if rules.general -%}
            {{ 'zoned_events.source' if rules.by_source else 'cast(null as varchar)' }} as source,
            zoned_events.exceeded_cap,
            {% endif -%}
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

    {{ routing('daily_sums', rules) }}
{%- endmacro %}


{# The `routed` sums, or `only` some of them, with the columns of deltas. #}
{% macro keyed_sums(keys, measures, only=none) -%}
    -- Materialized, for it is read twice below.
    keyed as materialized (
        select
            {% for key in keys %}coalesce({{ key }}, '(none)') as {{ key }},
            {% endfor -%}
            business_date,
            commit_seq,
            ingest_time,
            case when exception_reason is null then 'in_window' else 'exception' end
                as route,
            period_id as charge_period,
            case when exception_reason is null then period_id end as posting_period,
            is_correction,
            false as is_reversal,
            lateness_days,
            {% for name in measures -%}
            {{ name }}{{ ',' if not loop.last }}
            {% endfor %}
        from routed
        {%- if only %}
        where {{ only }}
        {%- endif %}
    )
{%- endmacro %}


{# One row per figure, business date and commit of the `keyed` sums. #}
{% macro keyed_deltas(keys, measures, rules) -%}
    {% set columns = [
        'business_date', 'commit_seq', 'ingest_time', 'route', 'charge_period',
        'posting_period', 'is_correction', 'is_reversal', 'lateness_days'
    ] -%}
    -- Sources may themselves write '(none)', and rules by source or cap split sums: only such
    -- rows are summed once more (a third of a full refresh, when all are).
    select
        {{ (keys + columns) | join(', ') }},
        {% for name in measures -%}
        {{ total('keyed.' ~ name) }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from keyed
    {% if not rules.general %}where '(none)' in ({{ keys | join(', ') }}){% endif %}
    group by all
    {% if not rules.general -%}
    union all
    select
        {{ (keys + columns) | join(', ') }},
        {% for name in measures -%}
        cast(coalesce({{ name }}, 0) as {{ figure_type(name) }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from keyed
    where '(none)' not in ({{ keys | join(', ') }})
    {%- endif %}
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
        cast(null as varchar) as charge_period,
        cast(null as varchar) as posting_period,
        cast(null as boolean) as is_correction,
        cast(null as boolean) as is_reversal,
        cast(null as integer) as lateness_days,
        {% for name in measures -%}
        cast(null as {{ figure_type(name) }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    where false
{%- endmacro %}


{# One row per event: its columns, its business date and its route. #}
{% macro routed_events(events, commits, rules, utc_days) -%}
    {% set given = event_columns().keys() | list -%}
    {% set columns = given | reject('equalto', 'ingest_time') | list -%}
    with {{ booking_rules(rules, commits, utc_days) }},

    zoned_events as (
        {{ zoned_events(events, columns, rules) | indent(8) }}
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
    ),

    {{ routing('placed_events', rules) }}

    select
        {{ given | join(', ') }},
        business_date,
        period_id,
        exception_reason,
        is_correction,
        lateness_days
    from routed
{%- endmacro %}


{#
    Events with the number of the zone their store was known to keep at their own commit, and the
    highest amount cap they are over.
#}
{% macro zoned_events(events, columns, rules) -%}
    select
        {% for column in columns -%}
        events.{{ column }},
        {% endfor -%}
        epoch_us(events.event_time) as event_us,
        {% if rules.general -%}
        {{ exceeded_cap('events.amount', rules.caps) if rules.caps
            else 'cast(null as decimal(18, 4))' }} as exceeded_cap,
        {% endif -%}
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
