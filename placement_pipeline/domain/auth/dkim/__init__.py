"""DKIM and ARC: keys in DNS, signatures of a received message, and what both come to."""
