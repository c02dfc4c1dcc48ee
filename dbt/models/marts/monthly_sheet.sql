-- Everyone who was tested, and everyone who should have been: nobody is lost between the two.
with lines as (
    select mailbox_id, test_month, route, test_id, first_test_id, rep_id, rep_name, address, provider, sync_mode
    from {{ ref("int_monthly_tests") }}
    union all
    select mailbox_id, roster_month, route, null, null, rep_id, rep_name, address, provider, sync_mode
    from {{ ref("stg_rep_roster") }} as roster
    where
        roster.role = 'rep'
        and roster.is_in
        and not exists (
            select 1
            from {{ ref("int_monthly_tests") }} as tested
            where tested.mailbox_id = roster.mailbox_id and tested.test_month = roster.roster_month
        )
)

select
    lines.test_month,
    lines.rep_id,
    lines.rep_name,
    lines.mailbox_id,
    lines.address,
    lines.provider,
    lines.sync_mode,
    lines.route,
    lines.test_id,
    results.test_reason,
    results.tested_on,
    coalesce(results.state, 'not_tested') as state,
    results.inbox_rate_gmail,
    results.inbox_rate_microsoft365,
    results.inbox_rate_regional,
    coalesce(results.is_flagged, false) as is_flagged,
    results.flag_code,
    case
        when results.summary is not null then results.summary
        when results.stop_detail is not null then results.stop_detail
        when results.test_id is null then 'No test was opened for this mailbox this month.'
        when results.state = 'stopped' then 'The test was stopped before anything was sent.'
        when results.is_flagged then 'The cause has not been looked for yet.'
        when results.state = 'open' then 'The test is still running.'
        when coalesce(results.inbox_rate_gmail, results.inbox_rate_microsoft365) is null
            then 'No probe could be judged.'
        else 'No group is below the threshold.'
    end as why,
    results.remedy,
    coalesce(results.test_reason = 'retest', false) as is_retest,
    first_results.inbox_rate_gmail as first_inbox_rate_gmail,
    first_results.inbox_rate_microsoft365 as first_inbox_rate_microsoft365,
    {%- for group in var("words").provider_group %}
    results.primary_rate_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    results.reach_rate_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    coalesce(results.resolved_count_{{ group }}, 0) as resolved_count_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    coalesce(results.certainty_code_{{ group }}, 'no_data') as certainty_code_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    results.control_inbox_rate_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    results.team_median_inbox_rate_{{ group }},
    {%- endfor %}
    coalesce(results.not_sent_count, 0) as not_sent_count,
    coalesce(results.void_count, 0) as void_count,
    coalesce(results.pending_count, 0) as pending_count
from lines
left join {{ ref("int_test_results") }} as results on lines.test_id = results.test_id
left join {{ ref("int_test_results") }} as first_results on lines.first_test_id = first_results.test_id
