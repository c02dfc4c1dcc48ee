with rep_tests as (
    select *
    from {{ ref("int_rostered_tests") }}
    -- A top-up is a part of another test.
    where variant = 'as_sent' and role = 'rep' and tops_up_test_id is null
),

-- By which test the month goes at each provider group; what measured nothing there replaces nothing.
current_tests as (
    select
        tests.mailbox_id,
        tests.route,
        tests.test_month,
        {%- for group in var("words").provider_group %}
        max(tests.test_id) filter (where verdicts.provider_group = '{{ group }}') as test_id_{{ group }},
        {%- endfor %}
        array_agg(tests.test_id) filter (where verdicts.resolved_count > 0) as measured_test_ids
    from {{ ref("stg_placement_verdicts") }} as verdicts
    inner join rep_tests as tests on verdicts.test_id = tests.test_id
    where verdicts.is_current
    group by tests.mailbox_id, tests.route, tests.test_month
),

preferred_tests as (
    select
        rep_tests.*,
        {%- for group in var("words").provider_group %}
        coalesce(current_tests.test_id_{{ group }}, rep_tests.test_id) as test_id_{{ group }},
        {%- endfor %}
        row_number() over (
            partition by rep_tests.mailbox_id, rep_tests.route, rep_tests.test_month
            order by
                case rep_tests.state when 'final' then 1 when 'stopped' then 2 else 3 end,
                case when rep_tests.test_id = any(current_tests.measured_test_ids) then 1 else 2 end,
                rep_tests.opened_at desc,
                rep_tests.test_id
        ) as preference,
        first_value(rep_tests.test_id) over (
            partition by rep_tests.mailbox_id, rep_tests.route, rep_tests.test_month
            order by rep_tests.opened_at, rep_tests.test_id
        ) as first_test_id
    from rep_tests
    left join current_tests
        on
            rep_tests.mailbox_id = current_tests.mailbox_id
            and rep_tests.route = current_tests.route
            and rep_tests.test_month = current_tests.test_month
)

select
    mailbox_id,
    route,
    test_month,
    test_id,
    first_test_id,
    {%- for group in var("words").provider_group %}
    test_id_{{ group }},
    {%- endfor %}
    rep_id,
    rep_name,
    address,
    provider,
    sync_mode
from preferred_tests
where preference = 1
