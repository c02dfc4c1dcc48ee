select
    tests.test_id,
    tests.test_month,
    tests.mailbox_id,
    tests.reason,
    tests.variant,
    -- By which the test is sent; the roster's route is only the usual one.
    tests.route,
    tests.state,
    tests.opened_at,
    tests.stop_detail,
    tests.retest_of_test_id,
    tests.tops_up_test_id,
    roster.role,
    roster.rep_id,
    roster.rep_name,
    roster.address,
    roster.provider,
    roster.sync_mode
from {{ ref("stg_placement_tests") }} as tests
inner join {{ ref("stg_rep_roster") }} as roster
    on tests.mailbox_id = roster.mailbox_id and tests.test_month = roster.roster_month
