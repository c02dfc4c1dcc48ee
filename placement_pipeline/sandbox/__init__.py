"""A world on loopback: reps, mailboxes, seeds, keys and faults behind the providers' real wire protocols.

Imported by tests and by the demo alone; production code reaches it by endpoint settings
and never knows it. ``world`` is what is planted, ``post`` how mail is judged and moved; they
know no HTTP and no IMAP. On them stand the wires, which judge nothing and know no other wire:
``google``, ``microsoft``, ``imap``, and as single modules ``pipedrive``, ``dns_server`` and the
sandbox's own ``control``. ``server`` starts them all, ``configuration`` points the pipeline at them.
"""
