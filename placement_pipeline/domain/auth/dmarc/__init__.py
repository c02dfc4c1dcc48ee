"""DMARC by RFC 9989: records, the tree walk, the policy of a domain and the verdict on a message."""
