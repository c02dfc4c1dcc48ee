select
    test_month as suspicion_month,
    seed_id,
    mailbox_count,
    missed_count,
    p_value,
    is_suspect,
    judged_at
from {{ source('placement', 'seed_suspicions') }}
