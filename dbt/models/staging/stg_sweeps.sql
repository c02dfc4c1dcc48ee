select
    sweep_id,
    seed_id,
    swept_at,
    duration_seconds,
    is_read,
    error_code,
    error_detail,
    message_count,
    probe_count,
    call_count
from {{ source('placement', 'sweeps') }}
