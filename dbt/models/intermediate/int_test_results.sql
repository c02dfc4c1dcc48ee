with scores as (
    select
        test_id,
        {%- for group in var("words").provider_group %}
        {%- for figure in [
            "job_count", "resolved_count", "inbox_count", "inbox_rate", "primary_rate", "reach_rate", "control_inbox_rate", "team_median_inbox_rate",
            "certainty_code", "flag_code",
        ] %}
        max({{ figure }}) filter (where provider_group = '{{ group }}') as {{ figure }}_{{ group }},
        {%- endfor %}
        {%- endfor %}
        sum(not_sent_count)::integer as not_sent_count,
        sum(void_count)::integer as void_count,
        sum(pending_count)::integer as pending_count,
        bool_or(is_flagged) filter (where provider_group in ('gmail', 'microsoft365')) as is_flagged,
        -- 'not_sent' is worse than 'below_threshold' and happens to be the greater word.
        max(flag_code) filter (where provider_group in ('gmail', 'microsoft365')) as flag_code
    from {{ ref("stg_scored_placements") }}
    group by test_id
),

verdicts as (
    select
        test_id,
        {%- for group in var("words").provider_group %}
        max(word) filter (where provider_group = '{{ group }}') as word_{{ group }},
        max(further_count) filter (where provider_group = '{{ group }}') as further_count_{{ group }},
        bool_or(is_control_low) filter (where provider_group = '{{ group }}') as is_control_low_{{ group }},
        {%- endfor %}
        -- A remedy has worked where it worked at every group that had to be mended.
        case
            when bool_or(retest_verdict = 'not_fixed') then 'not_fixed'
            when bool_or(retest_verdict = 'cannot_tell') then 'cannot_tell'
            when bool_or(retest_verdict = 'fixed') then 'fixed'
        end as retest_verdict
    from {{ ref("stg_placement_verdicts") }}
    group by test_id
),

first_causes as (
    select test_id, cause_code, summary, remedy
    from {{ ref("stg_diagnoses") }}
    where cause_rank = 1
)

select
    tests.test_id,
    tests.test_month,
    tests.mailbox_id,
    tests.route,
    tests.role,
    tests.rep_id,
    tests.rep_name,
    tests.address,
    tests.reason as test_reason,
    tests.variant,
    tests.state,
    tests.opened_at,
    tests.retest_of_test_id,
    {{ business_day("tests.opened_at") }} as tested_on,
    {%- for group in var("words").provider_group %}
    coalesce(scores.job_count_{{ group }}, 0) as job_count_{{ group }},
    coalesce(scores.resolved_count_{{ group }}, 0) as resolved_count_{{ group }},
    coalesce(scores.inbox_count_{{ group }}, 0) as inbox_count_{{ group }},
    scores.inbox_rate_{{ group }},
    scores.primary_rate_{{ group }},
    scores.reach_rate_{{ group }},
    scores.control_inbox_rate_{{ group }},
    scores.team_median_inbox_rate_{{ group }},
    scores.certainty_code_{{ group }},
    scores.flag_code_{{ group }},
    verdicts.word_{{ group }},
    verdicts.further_count_{{ group }},
    verdicts.is_control_low_{{ group }},
    {%- endfor %}
    coalesce(scores.not_sent_count, 0) as not_sent_count,
    coalesce(scores.void_count, 0) as void_count,
    coalesce(scores.pending_count, 0) as pending_count,
    -- A stopped test never could send; it says so even before it is scored.
    coalesce(scores.is_flagged, tests.state = 'stopped') as is_flagged,
    coalesce(scores.flag_code, case when scores.test_id is null and tests.state = 'stopped' then 'not_sent' end) as flag_code,
    verdicts.retest_verdict,
    first_causes.cause_code,
    first_causes.summary,
    first_causes.remedy,
    tests.stop_detail
from {{ ref("int_rostered_tests") }} as tests
left join scores on tests.test_id = scores.test_id
left join verdicts on tests.test_id = verdicts.test_id
left join first_causes on tests.test_id = first_causes.test_id
where tests.tops_up_test_id is null
