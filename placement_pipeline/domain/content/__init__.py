"""The content of a received message, as a filter weighs it: reading it, and the rules.

Who signed the message is ``auth``; which of its hosts are on a blocklist is ``reputation``.
"""
