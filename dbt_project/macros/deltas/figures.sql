{# What identifies a sales figure besides its business date. #}
{% macro sales_keys() %}
    {{ return(['store_id', 'category', 'channel', 'currency']) }}
{% endmacro %}


{# Event types whose amount, positive in the event, counts down in figures. #}
{% macro counts_down() -%}
    'SaleRefunded', 'FundsWithdrawn', 'FundsCaptured'
{%- endmacro %}


{# What is summed of sales: refunds count against sales. #}
{% macro sales_measures() %}
    {{ return({
        'amount': "sum(case when event_type = 'SaleRefunded' then -amount else amount end)",
        'quantity': "sum(case when event_type = 'SaleRefunded' then -quantity else quantity end)",
        'event_count': 'count(*)',
    }) }}
{% endmacro %}


{# Event types of both families that are routed; all others are control events. #}
{% macro routed_event_types() -%}
    'SaleRecorded', 'SaleRefunded', 'AccountOpened', 'FundsDeposited', 'FundsWithdrawn',
    'FundsReserved', 'FundsReleased', 'FundsCaptured', 'FundsRefunded',
    'InterestAccrued', 'CorrectionApplied', 'AccountClosed'
{%- endmacro %}


{# What identifies a movement of an account besides its business date. #}
{% macro account_keys() %}
    {{ return(['account_id', 'currency', 'store_id']) }}
{% endmacro %}


{#
    What is summed of accounts. Opening, closing, holding back and releasing carry no amount and
    move nothing: what is held lowers what is available, not the balance, until it is captured.
#}
{% macro account_measures() %}
    {{ return({
        'amount': 'sum(case when event_type in (' ~ counts_down()
            ~ ') then -amount else amount end)',
        'event_count': 'count(*)',
    }) }}
{% endmacro %}


{#
    The bucket (0-63) an account's balances are published in. By MD5, not DuckDB's hash():
    the bucket of an account must not move when the engine is upgraded.
#}
{% macro account_bucket(account_id) -%}
    cast(md5_number_lower({{ account_id }}) % 64 as integer)
{%- endmacro %}


{#
    Update expressions of a merge that adds what is new to what is kept, instead of computing
    a cell again from its history. `keep` columns stay as first written.
#}
{% macro merge_expressions(add=[], add_or=[], later=[], replace=[]) %}
    {% set expressions = {} %}
    {% for column in add %}
        {% do expressions.update({
            column: 'DBT_INTERNAL_DEST.' ~ column ~ ' + DBT_INTERNAL_SOURCE.' ~ column
        }) %}
    {% endfor %}
    {% for column in add_or %}
        {% do expressions.update({
            column: 'DBT_INTERNAL_DEST.' ~ column ~ ' or DBT_INTERNAL_SOURCE.' ~ column
        }) %}
    {% endfor %}
    {% for column in later %}
        {% do expressions.update({
            column: 'greatest(DBT_INTERNAL_DEST.' ~ column
            ~ ', DBT_INTERNAL_SOURCE.' ~ column ~ ')'
        }) %}
    {% endfor %}
    {% for column in replace %}
        {% do expressions.update({column: 'DBT_INTERNAL_SOURCE.' ~ column}) %}
    {% endfor %}
    {{ return(expressions) }}
{% endmacro %}


{#
    A decimal text in `payload`, with the lake's 4 places; 0 where there is none. What the codec of
    accounts reads (ingestion/account_codec.py).
#}
{% macro payload_decimal(field) -%}
    coalesce(
        case
            when regexp_full_match(payload ->> '$.{{ field }}', '-?[0-9]{1,14}(\.[0-9]+)?')
                then cast(payload ->> '$.{{ field }}' as decimal(18, 4))
        end,
        0
    )
{%- endmacro %}
