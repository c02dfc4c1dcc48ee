-- The probes counted in the sheet are those of its tests, and each tested mailbox, route and month is there once.
with expected as (
    select
        count(distinct (tests.mailbox_id, tests.route, tests.test_month)) as tested_lines
    from {{ ref("stg_placement_tests") }} as tests
    inner join {{ ref("stg_rep_roster") }} as roster
        on tests.mailbox_id = roster.mailbox_id and tests.test_month = roster.roster_month
    where tests.variant = 'as_sent' and roster.role = 'rep'
),

counted as (
    select coalesce(sum(resolved_count), 0) as resolved_count
    from {{ ref("stg_scored_placements") }}
    where test_id in (select test_id from {{ ref("int_monthly_tests") }})
),

sheet as (
    select
        count(test_id) as tested_lines,
        coalesce(sum(resolved_count_gmail + resolved_count_microsoft365 + resolved_count_regional), 0) as resolved_count
    from {{ ref("monthly_sheet") }}
)

select *
from expected, counted, sheet
where expected.tested_lines <> sheet.tested_lines or counted.resolved_count <> sheet.resolved_count
