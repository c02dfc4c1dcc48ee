"""A world on loopback: reps, mailboxes, seeds, keys and faults behind the providers' real wire protocols.

Imported by tests and by the demo alone; production code reaches it by endpoint settings
and never knows it. The core (world file, DNS, post office, receiving filters) knows no
HTTP and no IMAP; the wire modules know no judgement.
"""
