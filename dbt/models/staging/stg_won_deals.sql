select
    deal_id_pipedrive,
    rep_id_pipedrive,
    value,
    currency,
    won_at,
    is_archived,
    observed_at
from {{ source('placement', 'won_deals') }}
