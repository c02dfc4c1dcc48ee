with routes as (
    select
        months.mailbox_id,
        months.test_month,
        months.test_id,
        months.route,
        months.rep_id,
        months.rep_name,
        months.address,
        months.sync_mode,
        {%- for group in var("words").provider_group %}
        results.inbox_rate_{{ group }},
        results.inbox_count_{{ group }},
        results.resolved_count_{{ group }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref("int_monthly_tests") }} as months
    inner join {{ ref("int_test_results") }} as results on months.test_id = results.test_id
    -- An open test may still find what it has not found yet.
    where results.state <> 'open'
),

ways as (
    select
        test_id,
        {%- for way in var("words").sent_via %}
        (count(*) filter (where sent_via = '{{ way }}'))::integer as {{ way }}_count,
        {%- endfor %}
        -- Only Pipedrive's own mail carries its tracking; a header that does not tell speaks against nothing.
        bool_and(sent_via in ('two_way_sync', 'unknown')) as is_tracking_measured
    from {{ ref("probe_placements") }}
    group by test_id
)

select
    by_mailbox.test_month,
    by_mailbox.mailbox_id,
    by_mailbox.rep_id,
    by_mailbox.rep_name,
    by_mailbox.address,
    by_mailbox.sync_mode,
    by_mailbox.test_id as mailbox_test_id,
    by_crm.test_id as crm_test_id,
    {%- for group in var("words").provider_group %}
    by_mailbox.inbox_rate_{{ group }} as mailbox_inbox_rate_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    by_crm.inbox_rate_{{ group }} as crm_inbox_rate_{{ group }},
    {%- endfor %}
    {%- for group in var("words").provider_group %}
    by_crm.inbox_rate_{{ group }} - by_mailbox.inbox_rate_{{ group }} as inbox_rate_difference_{{ group }},
    {%- endfor %}
    {%- for route in ["mailbox", "crm"] %}
    {%- for group in var("words").provider_group %}
    by_{{ route }}.inbox_count_{{ group }} as {{ route }}_inbox_count_{{ group }},
    by_{{ route }}.resolved_count_{{ group }} as {{ route }}_resolved_count_{{ group }},
    {%- endfor %}
    {%- endfor %}
    {%- for way in var("words").sent_via %}
    coalesce(ways.{{ way }}_count, 0) as crm_{{ way }}_count,
    {%- endfor %}
    coalesce(ways.is_tracking_measured, false) as is_tracking_measured
from routes as by_mailbox
inner join routes as by_crm
    on by_mailbox.mailbox_id = by_crm.mailbox_id and by_mailbox.test_month = by_crm.test_month and by_crm.route = 'crm'
left join ways on by_crm.test_id = ways.test_id
where by_mailbox.route = 'mailbox'
