select
    test_id,
    seed_id,
    state,
    sent_at,
    outcome_code
from {{ source('placement', 'send_jobs') }}
