-- Rows come back when live views, with no tail behind the build, differ from the marts they
-- extend. Publishing reads the same text over the lake's tail.
{{ config(tags=['full']) }}

select 'daily_sales' as mart, count(*) as differing_rows
from (
    (select * from {{ ref('live__daily_sales') }} except select * from {{ ref('daily_sales') }})
    union all
    (select * from {{ ref('daily_sales') }} except select * from {{ ref('live__daily_sales') }})
)
having count(*) > 0
union all
select 'real_time_sales' as mart, count(*) as differing_rows
from (
    (
        select * from {{ ref('live__real_time_sales') }}
        except
        select * from {{ ref('real_time_sales') }}
    )
    union all
    (
        select * from {{ ref('real_time_sales') }}
        except
        select * from {{ ref('live__real_time_sales') }}
    )
)
having count(*) > 0
union all
select 'account_balances' as mart, count(*) as differing_rows
from (
    (
        select * from {{ ref('live__account_balances') }}
        except
        select * from {{ ref('account_balances') }}
    )
    union all
    (
        select * from {{ ref('account_balances') }}
        except
        select * from {{ ref('live__account_balances') }}
    )
)
having count(*) > 0
