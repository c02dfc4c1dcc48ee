select
    roster_month,
    mailbox_id,
    role,
    rep_id,
    rep_id_pipedrive,
    rep_name,
    address,
    domain,
    provider,
    sync_mode,
    route,
    is_in,
    why as roster_why,
    observed_at
from {{ source('placement', 'rep_roster') }}
