"""Microsoft's wire: Graph, the authority and the message trace, on what ``post`` holds."""
