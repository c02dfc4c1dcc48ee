"""What is planted: the world file, its faults, accounts, keys, zones and blocklists, and the truth that follows.

Knows no message and no wire.
"""
