select
    test_id,
    test_month,
    mailbox_id,
    reason,
    variant,
    route,
    state,
    opened_at,
    last_sent_at,
    closed_at,
    stop_code,
    stop_detail,
    retest_of_test_id,
    tops_up_test_id
from {{ source('placement', 'placement_tests') }}
