"""Jobs: which assets run together.

All in one process: a process a step would cost two seconds each, a run or step a rep
would cost far more (the work on thousands of mailboxes is inside one step).
"""

import dagster as dg

_SENDS = {"placement/sends": "mail"}
"""Of runs that send: ``docker/dagster.yaml`` lets one at a time work, because each keeps the pace of the mailboxes."""

open_month = dg.define_asset_job(
    "open_month",
    selection=dg.AssetSelection.groups("roster", "sends"),
    description="The monthly routine: take the roster, plan what is owed, send it. Sensors do the rest.",
    tags=_SENDS,
    executor_def=dg.in_process_executor,
)

test_mailboxes = dg.define_asset_job(
    "test_mailboxes",
    selection=dg.AssetSelection.assets("rep_roster", "placement_tests", "send_jobs"),
    description="Open tests by hand, with signatures as they are now: set scope, mailboxes, variant and route.",
    tags=_SENDS,
    executor_def=dg.in_process_executor,
)

drain_sends = dg.define_asset_job(
    "drain_sends",
    selection=dg.AssetSelection.assets("send_jobs"),
    description="Send what pacing, a throttling provider or a run that died has left, and resolve what is unknown.",
    tags=_SENDS,
    executor_def=dg.in_process_executor,
)

collect_seeds = dg.define_asset_job(
    "collect_seeds",
    selection=dg.AssetSelection.assets("seed_placements"),
    description="One sweep over every seed that is due.",
    executor_def=dg.in_process_executor,
)

publish_month = dg.define_asset_job(
    "publish_month",
    selection=dg.AssetSelection.groups("audits", "scores", "staging", "intermediate", "marts", "publish")
    | dg.AssetSelection.assets("probe_explanations"),
    description="Explain what is missing, audit, score, diagnose, build the marts and write the sheet.",
    executor_def=dg.in_process_executor,
)

ALL = (open_month, test_mailboxes, drain_sends, collect_seeds, publish_month)
