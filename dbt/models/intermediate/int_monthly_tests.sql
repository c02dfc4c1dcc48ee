with rep_tests as (
    select
        tests.*,
        row_number() over (
            partition by tests.mailbox_id, tests.route, tests.test_month
            order by
                case tests.state when 'final' then 1 when 'stopped' then 2 else 3 end,
                tests.opened_at desc,
                tests.test_id
        ) as preference,
        first_value(tests.test_id) over (
            partition by tests.mailbox_id, tests.route, tests.test_month
            order by tests.opened_at, tests.test_id
        ) as first_test_id
    from {{ ref("stg_placement_tests") }} as tests
    inner join {{ ref("stg_rep_roster") }} as roster
        on tests.mailbox_id = roster.mailbox_id and tests.test_month = roster.roster_month
    where tests.variant = 'as_sent' and roster.role = 'rep'
)

select mailbox_id, route, test_month, test_id, first_test_id
from rep_tests
where preference = 1
