select
    run_id,
    stage,
    provider,
    operation,
    call_month,
    call_count,
    unit_count,
    wait_seconds,
    observed_at
from {{ source('placement', 'provider_calls') }}
