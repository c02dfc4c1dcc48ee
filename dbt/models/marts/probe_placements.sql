with arrivals as (
    select
        test_id,
        seed_id,
        min(received_at) as received_at,
        (array_agg(found_by order by received_at, message_id_provider))[1] as found_by,
        (array_agg(sent_via order by received_at, message_id_provider))[1] as sent_via,
        -- By Message-ID: a message that a move has renumbered is the same one.
        count(distinct coalesce(internet_message_id, message_id_provider))::integer as copy_count
    from {{ ref("stg_seed_messages") }}
    group by test_id, seed_id
)

select
    jobs.test_id,
    jobs.seed_id,
    tests.test_month,
    tests.mailbox_id,
    tests.rep_id,
    tests.rep_name,
    tests.role,
    tests.route,
    seed_mailboxes.provider_family,
    seed_mailboxes.provider_group,
    jobs.state as send_state,
    jobs.sent_at,
    arrivals.received_at,
    -- The two moments are of two clocks: a message is never there before it was sent.
    case
        when arrivals.received_at is not null and jobs.sent_at is not null
            then greatest(0, extract(epoch from (arrivals.received_at - jobs.sent_at)))::double precision
    end as delivered_seconds,
    sightings.first_placement,
    sightings.last_placement,
    coalesce(sightings.first_placement <> sightings.last_placement, false) as is_moved,
    coalesce(sightings.sweep_count, 0) as sweep_count,
    coalesce(sightings.found_sweep_count, 0) as found_sweep_count,
    -- An explanation is about what is missing; a probe that was found after all needs none.
    case when sightings.last_placement = 'missing' then explanations.explained_placement end as explained_placement,
    case when sightings.last_placement = 'missing' then explanations.explanation_code end as explanation_code,
    arrivals.found_by,
    arrivals.sent_via,
    coalesce(arrivals.copy_count, 0) as copy_count
from {{ ref("stg_send_jobs") }} as jobs
inner join {{ ref("int_rostered_tests") }} as tests on jobs.test_id = tests.test_id
inner join {{ ref("stg_seed_mailboxes") }} as seed_mailboxes on jobs.seed_id = seed_mailboxes.seed_id
left join {{ ref("int_probe_sightings") }} as sightings
    on jobs.test_id = sightings.test_id and jobs.seed_id = sightings.seed_id
left join arrivals on jobs.test_id = arrivals.test_id and jobs.seed_id = arrivals.seed_id
left join {{ ref("stg_probe_explanations") }} as explanations
    on jobs.test_id = explanations.test_id and jobs.seed_id = explanations.seed_id
where tests.variant = 'as_sent' and tests.state <> 'open'
