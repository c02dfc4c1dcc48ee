"""Reputation: what the blocklists say of the hosts a message points at, and of the address that sent it.

``answers`` reads a list's codes, ``blocklists`` asks one list, ``hosts`` finds what there is
to ask about, ``tracking`` and ``senders`` judge. The resolver is always passed in.
"""
