{# Rows come back when more than one row shares these columns; null counts as a value. #}
{% test one_row_per(model, columns) %}
    select {{ columns | join(', ') }}, count(*) as row_count
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
