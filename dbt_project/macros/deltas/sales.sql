{# What identifies a sales figure besides its business date. #}
{% macro sales_keys() %}
    {{ return(['store_id', 'category', 'channel', 'currency']) }}
{% endmacro %}


{# What is summed: refunds count against sales. #}
{% macro sales_measures() %}
    {{ return({
        'amount': "sum(case when event_type = 'SaleRefunded' then -amount else amount end)",
        'quantity': "sum(case when event_type = 'SaleRefunded' then -quantity else quantity end)",
        'event_count': 'count(*)',
    }) }}
{% endmacro %}
