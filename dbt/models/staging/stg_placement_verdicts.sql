select
    test_id,
    provider_group,
    resolved_count,
    inbox_count,
    word,
    peer_p_value,
    is_control_low,
    further_count,
    is_first,
    is_current,
    retest_verdict,
    gained_count,
    lost_count,
    trend_word,
    judged_at
from {{ source('placement', 'placement_verdicts') }}
