{#
    Written by `ledgerlake contracts export --format dbt` from the contracts in
    ingestion/contracts; a test compares. Events of old versions are read as the newest: columns
    that were left empty, and fields of the payload. `events` is the row, `lookups` what is looked
    up for it.
#}
{% macro column_upcasts(family) %}
    {{ return({
        "accounts": {
            "currency": {
                "expression": "case when events.event_type = 'FundsDeposited' and events.schema_version = 1 then coalesce(events.currency, lookups.account_currency, 'XXX') else events.currency end",
                "needed": "events.currency is null and (events.event_type = 'FundsDeposited' and events.schema_version = 1)",
            },
        },
    }.get(family, {})) }}
{% endmacro %}


{# Fields of the payload as received, that `upcast_fields` reads as `events.told_<field>`. #}
{% macro told_fields() %}
    {{ return({
        "told_payment_reference": "case when json_type(if(json_valid(events.payload), events.payload, '{}'), '$.payment_reference') in ('VARCHAR', 'BIGINT', 'UBIGINT', 'BOOLEAN') then if(json_valid(events.payload), events.payload, '{}') ->> '$.payment_reference' end",
        "told_payer_name": "case when json_type(if(json_valid(events.payload), events.payload, '{}'), '$.payer_name') in ('VARCHAR', 'BIGINT', 'UBIGINT', 'BOOLEAN') then if(json_valid(events.payload), events.payload, '{}') ->> '$.payer_name' end",
        "told_payer_account": "case when json_type(if(json_valid(events.payload), events.payload, '{}'), '$.payer_account') in ('VARCHAR', 'BIGINT', 'UBIGINT', 'BOOLEAN') then if(json_valid(events.payload), events.payload, '{}') ->> '$.payer_account' end",
        "told_reference": "case when json_type(if(json_valid(events.payload), events.payload, '{}'), '$.reference') in ('VARCHAR', 'BIGINT', 'UBIGINT', 'BOOLEAN') then if(json_valid(events.payload), events.payload, '{}') ->> '$.reference' end",
        "told_payer": "case when json_type(if(json_valid(events.payload), events.payload, '{}'), '$.payer') in ('VARCHAR', 'BIGINT', 'UBIGINT', 'BOOLEAN') then if(json_valid(events.payload), events.payload, '{}') ->> '$.payer' end",
    }) }}
{% endmacro %}


{# Fields of the payload by the newest contract of each type that had another: their texts. #}
{% macro upcast_fields() %}
    {{ return({
        "payment_reference": "case when events.event_type = 'FundsDeposited' then case when events.schema_version in (1, 2) then events.told_reference else events.told_payment_reference end else null end",
        "payer_name": "case when events.event_type = 'FundsDeposited' then case when events.schema_version in (1, 2) then case when strpos(events.told_payer, ' / ') = 0 then events.told_payer else left(events.told_payer, strpos(events.told_payer, ' / ') - 1) end else events.told_payer_name end else null end",
        "payer_account": "case when events.event_type = 'FundsDeposited' then case when events.schema_version in (1, 2) then case when strpos(events.told_payer, ' / ') > 0 then substr(events.told_payer, strpos(events.told_payer, ' / ') + 3) end else events.told_payer_account end else null end",
    }) }}
{% endmacro %}
