with rep_tests as (
    select
        *,
        row_number() over (
            partition by mailbox_id, route, test_month
            order by
                case state when 'final' then 1 when 'stopped' then 2 else 3 end,
                opened_at desc,
                test_id
        ) as preference,
        first_value(test_id) over (
            partition by mailbox_id, route, test_month
            order by opened_at, test_id
        ) as first_test_id
    from {{ ref("int_rostered_tests") }}
    where variant = 'as_sent' and role = 'rep'
)

select
    mailbox_id,
    route,
    test_month,
    test_id,
    first_test_id,
    rep_id,
    rep_name,
    address,
    provider,
    sync_mode
from rep_tests
where preference = 1
