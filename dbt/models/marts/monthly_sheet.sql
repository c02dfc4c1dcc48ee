{%- set judged = {"gmail": "Gmail", "microsoft365": "Microsoft 365"} %}
-- Everyone who was tested, and everyone who should have been: nobody is lost between the two.
with lines as (
    select
        mailbox_id,
        test_month,
        route,
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
    from {{ ref("int_monthly_tests") }}
    union all
    select
        mailbox_id,
        roster_month,
        route,
        null,
        null,
        {%- for group in var("words").provider_group %}
        null,
        {%- endfor %}
        rep_id,
        rep_name,
        address,
        provider,
        sync_mode
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
    results_gmail.inbox_rate_gmail,
    results_microsoft365.inbox_rate_microsoft365,
    results_regional.inbox_rate_regional,
    coalesce(results.is_flagged, false) or carried.flag_code is not null as is_flagged,
    coalesce(results.flag_code, carried.flag_code) as flag_code,
    case
        when results.summary is not null then results.summary
        when carried.flag_code is not null then coalesce(carried.summary, 'The cause has not been looked for yet.')
        when results.stop_detail is not null then results.stop_detail
        when results.test_id is null then 'No test was opened for this mailbox this month.'
        when results.state = 'stopped' then 'The test was stopped before anything was sent.'
        when results.is_flagged then 'The cause has not been looked for yet.'
        when results.state = 'open' then 'The test is still running.'
        when coalesce(results_gmail.inbox_rate_gmail, results_microsoft365.inbox_rate_microsoft365) is null
            then 'No probe could be judged.'
        {%- for group, name in judged.items() %}
        when results_{{ group }}.job_count_{{ group }} > 0 and results_{{ group }}.inbox_rate_{{ group }} is null
            then 'No probe could be judged at {{ name }}; the other group is not below the threshold.'
        {%- endfor %}
        else 'No group is below the threshold.'
    end as why,
    coalesce(results.remedy, carried.remedy) as remedy,
    coalesce(results.test_reason = 'retest', false) as is_retest,
    first_results.inbox_rate_gmail as first_inbox_rate_gmail,
    first_results.inbox_rate_microsoft365 as first_inbox_rate_microsoft365,
    {%- for group in var("words").provider_group %}
    results_{{ group }}.primary_rate_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    results_{{ group }}.reach_rate_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    coalesce(results_{{ group }}.resolved_count_{{ group }}, 0) as resolved_count_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    coalesce(results_{{ group }}.certainty_code_{{ group }}, 'no_data') as certainty_code_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    results_{{ group }}.control_inbox_rate_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    results_{{ group }}.team_median_inbox_rate_{{ group }},
    {%- endfor %}
    case
        {%- for word in ["confirmed", "not_sent", "everyone", "probable", "cannot_tell", "fine"] %}
        when '{{ word }}' in (results_gmail.word_gmail, results_microsoft365.word_microsoft365) then '{{ word }}'
        {%- endfor %}
    end as word,
    {%- for group in var("words").provider_group %}
    results_{{ group }}.word_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    results_{{ group }}.further_count_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    coalesce(results_{{ group }}.is_control_low_{{ group }}, false) as is_control_low_{{ group }},
    {%- endfor %}
    results.retest_verdict,
    coalesce(results.not_sent_count, 0) as not_sent_count,
    coalesce(results.void_count, 0) as void_count,
    coalesce(results.pending_count, 0) as pending_count
from lines
left join {{ ref("int_test_results") }} as results on lines.test_id = results.test_id
{%- for group in var("words").provider_group %}
left join {{ ref("int_test_results") }} as results_{{ group }} on lines.test_id_{{ group }} = results_{{ group }}.test_id
{%- endfor %}
left join {{ ref("int_test_results") }} as first_results on lines.first_test_id = first_results.test_id
-- What a later test could not measure stays as the test before left it: its flag, and why.
left join lateral (
    select held.flag_code, held.summary, held.remedy
    from (
        values
        {%- for group in judged %}
        (
            {{ loop.index }},
            results_{{ group }}.test_id,
            results_{{ group }}.flag_code_{{ group }},
            results_{{ group }}.summary,
            results_{{ group }}.remedy
        ){{ "," if not loop.last }}
        {%- endfor %}
    ) as held (place, test_id, flag_code, summary, remedy)
    where held.test_id <> results.test_id and held.flag_code is not null
    order by held.place
    limit 1
) as carried on true
