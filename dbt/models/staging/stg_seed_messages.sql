select
    seed_id,
    message_id_provider,
    test_id,
    received_at,
    internet_message_id,
    found_by,
    sent_via,
    is_filter_bypassed,
    is_moved_by_rule,
    first_seen_at
from {{ source('placement', 'seed_messages') }}
