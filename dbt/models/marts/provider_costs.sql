select
    call_month,
    stage,
    provider,
    operation,
    sum(call_count)::bigint as call_count,
    sum(unit_count)::bigint as unit_count,
    sum(wait_seconds)::double precision as wait_seconds,
    count(distinct run_id)::integer as run_count
from {{ ref("stg_provider_calls") }}
group by call_month, stage, provider, operation
