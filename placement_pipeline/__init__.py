"""Placement Pipeline: where each sales rep's mail lands, and why.

The rooms are described in ``domain``, ``connectors``, ``warehouse``, ``defs`` and
``sandbox``; imports run one way, ``defs, cli -> connectors, warehouse -> domain``.
"""

__version__ = "0.1.0"
