"""Audits by hand: what can be asked, who answers it, and how the answer is shown.

They ask the rules of ``domain.audit`` as the month does, and need neither a database nor a configuration.
"""
