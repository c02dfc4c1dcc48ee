"""Pipedrive: users, sync states and won deals, within its limits."""
