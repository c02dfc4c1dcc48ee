"""DNS over the wire: the resolver that every audit is given, and its parts."""
