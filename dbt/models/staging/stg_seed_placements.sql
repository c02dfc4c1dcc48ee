select
    test_id,
    seed_id,
    sweep_id,
    placement,
    message_id_provider,
    observed_at
from {{ source('placement', 'seed_placements') }}
