select
    test_id,
    seed_id,
    attempt_number,
    handed_over_at,
    outcome,
    outcome_code,
    resolved_by
from {{ source('placement', 'send_attempts') }}
