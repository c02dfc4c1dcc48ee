"""Whole audits: of a sender, of a received message, of the hosts that messages point at.

Each asks the rules of ``auth``, ``content`` and ``reputation`` in turn and returns their
findings; resolver and blocklists are passed in. No two findings of one audit have the
same subject and code.
"""
