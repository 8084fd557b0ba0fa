{# Rows come back when one of two relations holds a row the other does not. #}
{% test same_rows_as(model, other) %}
    with here_only as (
        select * from {{ model }}
        except all
        select * from {{ other }}
    ),

    there_only as (
        select * from {{ other }}
        except all
        select * from {{ model }}
    )

    select 'here' as found_in, here_only.* from here_only
    union all
    select 'there' as found_in, there_only.* from there_only
{% endtest %}
