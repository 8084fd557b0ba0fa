{#
    Business days without time zone functions per event.

    A business day of a store runs from its cut-off on the local clock to the next cut-off:
    23, 24 or 25 hours on the wall, whatever the zone does. So a day is known by the instant
    it starts, computed once per zone and day; an event's day is found by comparing whole
    microseconds.
#}

{# One row per distinct zone and cut-off; number 0 is UTC, for stores nobody registered. #}
{% macro zones(stores) -%}
    select 0 as zone_no, 'UTC' as time_zone, 0 as day_cut_off_minutes
    union all
    select
        row_number() over (order by time_zone, day_cut_off_minutes) as zone_no,
        time_zone,
        day_cut_off_minutes
    from {{ stores }}
    where not (time_zone = 'UTC' and day_cut_off_minutes = 0)
    group by time_zone, day_cut_off_minutes
{%- endmacro %}


{# One row per store and registration: the number of its zone, from commit to commit. #}
{% macro store_zones(stores, zones) -%}
    select
        stores.store_id as registered_store_id,
        stores.commit_from,
        coalesce(stores.commit_to, 9223372036854775807) as commit_to,
        zones.zone_no
    from {{ stores }} as stores
    inner join {{ zones }} as zones
        on
            stores.time_zone = zones.time_zone
            and stores.day_cut_off_minutes = zones.day_cut_off_minutes
{%- endmacro %}


{#
    UTC days on which a business day may start that has to do with events of the days given: business
    days are up to two days from the UTC day they touch, and each is known by the next one's start.
#}
{% macro days_between(first_us, last_us) -%}
    range({{ first_us }} // 86400000000 - 3, {{ last_us }} // 86400000000 + 4)
{%- endmacro %}


{# The same for events on few days that lie far apart. #}
{% macro days_around(events) -%}
    (
        select list_distinct(flatten(list(range(utc_day - 3, utc_day + 4))))
        from (select distinct epoch_us(event_time) // 86400000000 as utc_day from {{ events }})
    )
{%- endmacro %}


{#
    One row per zone and business day that an event on one of these days may fall on.

    A clock put back shows some times twice (in the Azores midnight itself): the day starts the
    first time. DuckDB answers with the second, so where a day is not 24 hours after the one
    before, the offset of the day before is tried. A time the clock skips is moved on by the
    gap.
#}
{% macro business_day_starts(zones, utc_days) -%}
    select
        zone_no,
        business_day,
        case
            when us_after_day_before = start_us_if_second then start_us_if_second
            when timezone(time_zone, make_timestamptz(us_after_day_before)) = local_start
                then us_after_day_before
            else start_us_if_second
        end as start_us,
        lead(start_us) over (
            partition by zone_no order by business_day
        ) as next_start_us
    from (
        select
            zone_no,
            time_zone,
            business_day,
            make_timestamp(
                business_day * 86400000000 + cast(day_cut_off_minutes as bigint) * 60000000
            ) as local_start,
            epoch_us(timezone(time_zone, local_start)) as start_us_if_second,
            86400000000 + lag(start_us_if_second) over (
                partition by zone_no order by business_day
            ) as us_after_day_before
        from {{ zones }}
        cross join unnest({{ utc_days }}) as days (business_day)
    )
{%- endmacro %}


{#
    One row per zone and UTC day: the business day at its first instant, and the next two
    instants at which a business day starts. A day of 23 hours may lie within one UTC day.
    Local days are up to two days ahead of or behind the UTC day they touch.
#}
{% macro zone_days(business_day_starts) -%}
    select
        zone_no,
        utc_day,
        first_business_day,
        next_starts[1] as first_change_us,
        next_starts[2] as second_change_us
    from (
        select
            days.zone_no,
            days.business_day as utc_day,
            max(starts.business_day) filter (
                where starts.start_us <= days.business_day * 86400000000
            ) as first_business_day,
            min(starts.start_us, 2) filter (
                where starts.start_us > days.business_day * 86400000000
            ) as next_starts
        from {{ business_day_starts }} as days
        -- Equal keys: with "between", each zone's days would be compared with each other.
        cross join unnest([-2, -1, 0, 1, 2]) as offsets (days_on)
        inner join {{ business_day_starts }} as starts
            on
                days.zone_no = starts.zone_no
                and days.business_day + offsets.days_on = starts.business_day
        group by all
    )
{%- endmacro %}


{# The business day of an instant, as days since 1970-01-01. #}
{% macro business_day(event_us, zone_days) -%}
    {{ zone_days }}.first_business_day
    + cast({{ event_us }} >= {{ zone_days }}.first_change_us as integer)
    + cast({{ event_us }} >= {{ zone_days }}.second_change_us as integer)
{%- endmacro %}
