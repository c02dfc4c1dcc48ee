with reps as (
    select distinct on (rep_id) rep_id, rep_name, rep_id_pipedrive
    from {{ ref("stg_rep_roster") }}
    where role = 'rep'
    order by rep_id, roster_month desc, mailbox_id
),

-- Sums over sums, of each mailbox by its usual route: a mean of rates weighs a probe of a small month more.
rates as (
    select
        roster.rep_id,
        date_trunc('quarter', roster.roster_month)::date as revenue_quarter,
        {%- for group in ["gmail", "microsoft365"] %}
        sum(trend.inbox_count) filter (where trend.provider_group = '{{ group }}')::double precision
        / nullif(sum(trend.resolved_count) filter (where trend.provider_group = '{{ group }}'), 0)
            as mean_inbox_rate_{{ group }},
        coalesce(sum(trend.inbox_count) filter (where trend.provider_group = '{{ group }}'), 0)::integer
            as inbox_count_{{ group }},
        coalesce(sum(trend.resolved_count) filter (where trend.provider_group = '{{ group }}'), 0)::integer
            as resolved_count_{{ group }},
        {%- endfor %}
        count(distinct trend.test_id)::integer as mailbox_month_count
    from {{ ref("stg_rep_roster") }} as roster
    left join {{ ref("placement_trend") }} as trend
        on
            roster.mailbox_id = trend.mailbox_id
            and roster.roster_month = trend.test_month
            and roster.route = trend.route
    where roster.role = 'rep' and (roster.is_in or trend.test_id is not null)
    group by roster.rep_id, revenue_quarter
),

revenue as (
    select
        -- A deal of someone who is in no roster still counts.
        coalesce(reps.rep_id, 'pd-' || deals.rep_id_pipedrive) as rep_id,
        date_trunc('quarter', {{ business_day("deals.won_at") }})::date as revenue_quarter,
        deals.currency,
        sum(deals.value)::numeric(38, 2) as won_value,
        count(*)::integer as won_count
    from {{ ref("stg_won_deals") }} as deals
    left join reps on deals.rep_id_pipedrive = reps.rep_id_pipedrive
    group by 1, 2, 3
)

select
    rep_id,
    reps.rep_name,
    revenue_quarter,
    -- A quarter without a won deal has no currency; ISO 4217 calls that XXX.
    coalesce(revenue.currency, 'XXX') as currency,
    coalesce(revenue.won_value, 0)::numeric(38, 2) as won_value,
    coalesce(revenue.won_count, 0) as won_count,
    rates.mean_inbox_rate_gmail,
    rates.mean_inbox_rate_microsoft365,
    coalesce(rates.inbox_count_gmail, 0) as inbox_count_gmail,
    coalesce(rates.resolved_count_gmail, 0) as resolved_count_gmail,
    coalesce(rates.inbox_count_microsoft365, 0) as inbox_count_microsoft365,
    coalesce(rates.resolved_count_microsoft365, 0) as resolved_count_microsoft365,
    coalesce(rates.mailbox_month_count, 0) as mailbox_month_count
from revenue
full outer join rates using (rep_id, revenue_quarter)
left join reps using (rep_id)
