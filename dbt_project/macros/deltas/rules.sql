{#
    The rules a booking looks up, and which of them a lake has.

    Most lakes have no calendar, no period that was ever closed, no lock exception and one policy
    for all. Then routing is a comparison of instants, and sums need no source: asking first
    (a scan of control events) keeps a build of 10,000 events as cheap as if there were no periods.
#}
{% macro built_rules() %}
    {% set known = known_rules() %}
    {% set rules = {
        'stores': ref('int_stores__versions'),
        'policies': ref('int_policies__versions'),
        'general': known.general,
        'by_source': known.by_source,
        'caps': known.caps,
    } %}
    {% if known.general or not execute %}
        {% do rules.update({
            'calendars': ref('int_calendar__periods'),
            'periods': ref('int_periods__versions'),
            'locks': ref('int_lock_exceptions'),
        }) %}
    {% endif %}
    {{ return(rules) }}
{% endmacro %}


{#
    general     anything but policies for all sources, periods and dates: look each case up,
                and a commit may hold several rows of a cell
    by_source   a rule names a source, so sums are kept apart by source until routed
    caps        amounts above which events go to people, as text, ascending
#}
{% macro known_rules() %}
    {% set control = ref('stg_control__events') %}
    {% if not execute or load_relation(control) is none %}
        {{ return({'general': false, 'by_source': false, 'caps': []}) }}
    {% endif %}
    {% set query %}
        with rules as (
            select
                event_type,
                payload ->> '$.source' as source,
                payload ->> '$.period_id' as period_id,
                payload ->> '$.effective_from' as effective_from,
                json_array_length(payload, '$.soft_close_sources') as soft_close_sources,
                payload ->> '$.amount_cap' as amount_cap
            from {{ control }}
            where event_type in (
                'LatenessPolicySet', 'CalendarDefined', 'PeriodSoftClosed', 'PeriodClosed',
                'PeriodReopened', 'LockExceptionGranted', 'LateEventDecided'
            )
        )

        select
            coalesce(bool_or(
                event_type <> 'LatenessPolicySet'
                or coalesce(source, period_id, effective_from, amount_cap) is not null
                or soft_close_sources > 0
            ), false),
            coalesce(bool_or(source is not null or soft_close_sources > 0), false),
            coalesce(string_agg(distinct amount_cap, ' ' order by amount_cap), '')
        from rules
    {% endset %}
    {% set found = run_query(query).columns %}
    {{ return({
        'general': found[0].values()[0],
        'by_source': found[1].values()[0],
        'caps': (found[2].values()[0] or '').split(),
    }) }}
{% endmacro %}


{#
    The highest cap an amount is over; null: none. An amount is over a cap exactly if this is not
    less than the cap. `caps` is a list of texts, or SQL for a list of decimals.
#}
{% macro exceeded_cap(amount, caps) -%}
    list_max(list_filter(
        {% if caps is string %}{{ caps }}{% else -%}
        cast({{ sql_text_list(caps) }} as decimal(18, 4) []){% endif %},
        lambda cap: abs({{ amount }}) > cap
    ))
{%- endmacro %}
