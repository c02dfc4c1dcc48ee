"""Everything that touches the outside: mail providers, Pipedrive, DNS, notifications.

A connector turns one outside system's wire into values of ``domain`` and its failures
into the errors of ``errors``. It decides nothing: no plan, no score, no table.
"""
