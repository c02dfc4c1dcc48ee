-- The month's first test that measured something at the group: only flagged mailboxes have a second one, and the
-- latest test of each would read too high.
with months as (
    select distinct on (lines.mailbox_id, lines.route, lines.test_month, scores.provider_group)
        lines.mailbox_id,
        lines.rep_id,
        lines.rep_name,
        lines.route,
        lines.test_month,
        scores.provider_group,
        tests.test_id,
        scores.resolved_count,
        scores.inbox_count,
        scores.inbox_rate,
        scores.inbox_rate_low,
        scores.inbox_rate_high,
        scores.primary_rate,
        scores.reach_rate,
        scores.is_flagged,
        scores.certainty_code,
        verdicts.word,
        verdicts.trend_word,
        scores.control_inbox_rate,
        scores.team_median_inbox_rate
    from {{ ref("int_monthly_tests") }} as lines
    inner join {{ ref("stg_placement_tests") }} as tests
        on
            lines.mailbox_id = tests.mailbox_id
            and lines.route = tests.route
            and lines.test_month = tests.test_month
            and tests.variant = 'as_sent'
            and tests.tops_up_test_id is null
    inner join {{ ref("stg_scored_placements") }} as scores on tests.test_id = scores.test_id
    left join {{ ref("stg_placement_verdicts") }} as verdicts
        on scores.test_id = verdicts.test_id and scores.provider_group = verdicts.provider_group
    order by
        lines.mailbox_id,
        lines.route,
        lines.test_month,
        scores.provider_group,
        case when scores.resolved_count > 0 then 1 else 2 end,
        tests.opened_at,
        tests.test_id
)

select
    months.mailbox_id,
    months.rep_id,
    months.rep_name,
    months.route,
    months.test_month,
    months.provider_group,
    months.test_id,
    months.resolved_count,
    months.inbox_count,
    months.inbox_rate,
    months.inbox_rate_low,
    months.inbox_rate_high,
    months.primary_rate,
    months.reach_rate,
    months.is_flagged,
    months.certainty_code,
    months.word,
    months.control_inbox_rate,
    months.team_median_inbox_rate,
    -- The calendar's previous month, not the last one tested: a change over a gap is no monthly change.
    previous.inbox_rate as previous_month_inbox_rate,
    months.inbox_rate - previous.inbox_rate as inbox_rate_change,
    months.trend_word
from months
left join months as previous
    on
        months.mailbox_id = previous.mailbox_id
        and months.route = previous.route
        and months.provider_group = previous.provider_group
        and months.test_month = previous.test_month + interval '1 month'
