select
    test_id,
    seed_id,
    count(*)::integer as sweep_count,
    (count(*) filter (where message_id_provider is not null))::integer as found_sweep_count,
    (array_agg(placement order by observed_at, sweep_id) filter (where message_id_provider is not null))[1] as first_placement,
    (array_agg(placement order by observed_at desc, sweep_id desc))[1] as last_placement
from {{ ref("stg_seed_placements") }}
group by test_id, seed_id
