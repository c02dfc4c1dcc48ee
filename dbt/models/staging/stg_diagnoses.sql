select
    test_id,
    rank as cause_rank,
    cause_code,
    summary,
    remedy,
    diagnosed_at
from {{ source('placement', 'diagnoses') }}
