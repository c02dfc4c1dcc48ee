"""From placements to verdicts: rates with their n and interval, flags, what the probes bear out, and the diagnosis."""
