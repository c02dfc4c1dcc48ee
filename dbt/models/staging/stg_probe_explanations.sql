select
    test_id,
    seed_id,
    placement as explained_placement,
    reason_code as explanation_code,
    explained_at
from {{ source('placement', 'probe_explanations') }}
