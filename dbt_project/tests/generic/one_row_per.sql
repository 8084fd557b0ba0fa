{#
    Rows come back when more than one row shares these columns; null counts as a value.

    Hashes first: a million rows that differ are told apart by one number each, and only those of
    one hash are compared.
#}
{% test one_row_per(model, columns) %}
    {% set names = columns | join(', ') -%}
    select {{ names }}, count(*) as row_count
    from {{ model }}
    where hash({{ names }}) in (
        select hash({{ names }}) as hashed
        from {{ model }}
        group by hashed
        having count(*) > 1
    )
    group by {{ names }}
    having count(*) > 1
{% endtest %}
