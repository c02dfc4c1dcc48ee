"""Where a probe came to lie, and why it did not: looks, matching, placements, notices, the tenants' logs."""
