with seed_sweeps as (
    select *, date_trunc('month', {{ business_day("swept_at") }})::date as health_month
    from {{ ref("stg_sweeps") }}
),

sweep_months as (
    select
        seed_id,
        health_month,
        count(*)::integer as sweep_count,
        (count(*) filter (where not is_read))::integer as failed_sweep_count,
        max(swept_at) filter (where is_read) as last_read_at,
        (array_agg(error_code order by swept_at desc, sweep_id desc))[1] as last_error_code,
        not (array_agg(is_read order by swept_at desc, sweep_id desc))[1] as is_broken
    from seed_sweeps
    group by seed_id, health_month
),

jobs as (
    select
        jobs.test_id,
        jobs.seed_id,
        tests.test_month as health_month,
        tests.role = 'control' and tests.variant = 'as_sent' as is_control
    from {{ ref("stg_send_jobs") }} as jobs
    inner join {{ ref("int_rostered_tests") }} as tests on jobs.test_id = tests.test_id
),

job_months as (
    select
        jobs.seed_id,
        jobs.health_month,
        (count(*) filter (where jobs.is_control))::integer as control_probe_count,
        string_agg(distinct sightings.last_placement, ', ' order by sightings.last_placement)
            filter (where jobs.is_control) as control_placements
    from jobs
    left join {{ ref("int_probe_sightings") }} as sightings
        on jobs.test_id = sightings.test_id and jobs.seed_id = sightings.seed_id
    group by jobs.seed_id, jobs.health_month
)

select
    seed_mailboxes.seed_id,
    health_month,
    seed_mailboxes.provider_family,
    seed_mailboxes.provider_group,
    seed_mailboxes.is_active,
    coalesce(sweep_months.sweep_count, 0) as sweep_count,
    coalesce(sweep_months.failed_sweep_count, 0) as failed_sweep_count,
    sweep_months.last_read_at,
    sweep_months.last_error_code,
    coalesce(job_months.control_probe_count, 0) as control_probe_count,
    job_months.control_placements,
    suspicions.mailbox_count,
    suspicions.missed_count,
    -- Null where there are too few mailboxes to tell it from them.
    suspicions.is_suspect,
    -- Null where nobody has looked into it.
    sweep_months.is_broken
from sweep_months
full outer join job_months using (seed_id, health_month)
inner join {{ ref("stg_seed_mailboxes") }} as seed_mailboxes using (seed_id)
left join {{ ref("stg_seed_suspicions") }} as suspicions
    on seed_mailboxes.seed_id = suspicions.seed_id and health_month = suspicions.suspicion_month
