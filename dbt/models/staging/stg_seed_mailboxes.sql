select
    seed_id,
    address,
    provider_family,
    provider_group,
    is_active,
    observed_at
from {{ source('placement', 'seed_mailboxes') }}
