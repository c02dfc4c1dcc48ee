with results as (
    select * from {{ ref("int_test_results") }} where variant = 'as_sent' and role = 'rep'
),

latest_retests as (
    select distinct on (retest_of_test_id) *
    from results
    where retest_of_test_id is not null
    order by retest_of_test_id, opened_at desc, test_id
)

select
    flagged.test_id,
    flagged.test_month,
    flagged.rep_id,
    flagged.rep_name,
    flagged.mailbox_id,
    flagged.address,
    flagged.route,
    flagged.test_reason,
    flagged.tested_on,
    flagged.state,
    flagged.inbox_rate_gmail,
    flagged.inbox_rate_microsoft365,
    flagged.flag_code,
    flagged.cause_code,
    coalesce(flagged.summary, flagged.stop_detail) as why,
    flagged.remedy,
    retests.test_id as retest_test_id,
    retests.tested_on as retested_on,
    retests.state as retest_state,
    retests.inbox_rate_gmail as retest_inbox_rate_gmail,
    retests.inbox_rate_microsoft365 as retest_inbox_rate_microsoft365,
    case when retests.state <> 'open' then retests.retest_verdict end as retest_verdict,
    -- Null while nobody knows: no re-test yet, one that still runs, or one that cannot tell.
    case
        when retests.state = 'open' then null
        when retests.retest_verdict = 'fixed' then true
        when retests.retest_verdict = 'not_fixed' then false
    end as is_recovered
from results as flagged
left join latest_retests as retests on flagged.test_id = retests.retest_of_test_id
where flagged.is_flagged
