select
    test_id,
    seed_id,
    sweep_id,
    placement,
    observed_at
from {{ source('placement', 'seed_placements') }}
