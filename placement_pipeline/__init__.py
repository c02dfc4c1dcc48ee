"""Placement Pipeline: where each sales rep's mail lands, and why.

Imports run one way: ``defs, cli, by_hand -> stages -> connectors, warehouse -> domain``.

- ``domain``: the rules. No network, no SQL, no clock, no environment.
- ``connectors``: everything outside: mail providers, Pipedrive, the admin's table, DNS, notifications.
- ``warehouse``: everything in tables, and the embedded PostgreSQL.
- ``stages``: the month's stages; each joins connectors and tables through a rule.
- ``settings``: every setting, typed. It knows ``domain`` alone.
- ``by_hand``: audits of an address or a message that someone names.
- ``defs`` and ``definitions``: Dagster; each asset calls one stage.
- ``cli``, ``console``, ``terminal``, ``serving``, ``web_guard``, ``demo``: the command, what it prints to, its tables,
  the UI's processes and who may ask it for what, the demo.
- ``sandbox``: the local world of the demo and the tests. It knows ``domain`` alone, and ``demo`` alone knows it.
"""

__version__ = "0.1.0"
