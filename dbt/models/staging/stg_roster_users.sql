select
    roster_month,
    rep_id_pipedrive,
    rep_name,
    is_active,
    mailbox_count,
    tested_mailbox_count,
    is_in,
    why as roster_why,
    observed_at
from {{ source('placement', 'roster_users') }}
