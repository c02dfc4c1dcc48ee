"""From placements to verdicts: rates with their n and interval, flags, and the diagnosis."""
