"""Everything that touches the outside: mail providers, Pipedrive, DNS, notifications.

A connector turns one outside system's wire into values of ``domain`` and its failures
into the errors of ``errors``. It decides nothing: no plan, no score, no table.

``mail`` is what is asked of every mail provider; ``google``, ``microsoft`` and ``imap`` answer it,
and none of them imports another. ``pipedrive``, ``roster_table`` and ``dns`` are the other systems;
what several of them share (``http``, ``sign_in``, ``quota``, ``metering`` ...) lies beside them.
"""
