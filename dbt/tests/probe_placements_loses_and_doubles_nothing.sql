-- Every probe of a closed test of the real mail is there once.
with expected as (
    select count(*) as probe_count
    from {{ ref("stg_send_jobs") }} as jobs
    inner join {{ ref("stg_placement_tests") }} as tests on jobs.test_id = tests.test_id
    where tests.variant = 'as_sent' and tests.state <> 'open'
),

counted as (
    select
        count(*) as probe_count,
        count(distinct (test_id, seed_id)) as key_count
    from {{ ref("probe_placements") }}
)

select *
from expected, counted
where expected.probe_count <> counted.probe_count or counted.probe_count <> counted.key_count
