{# Rows come back when one of two relations holds a row the other does not. #}
{% test same_rows_as(model, other) %}
    {{ rows_that_differ(model, other) }}
{% endtest %}
