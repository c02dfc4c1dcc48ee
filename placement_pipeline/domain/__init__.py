"""Pure rules: values in, values out.

No Dagster, no network, no SQL, no clock and no environment belong here. What a rule
needs from outside (a moment, a DNS answer, a rendered template) is passed in.
"""
