"""How far clocks may be apart: each allowance that is made for it, in one place, with its reason.

A moment that one machine tells is compared with a moment that another tells in many places.
Each of these says how far the two may differ before the comparison counts.
"""

from datetime import timedelta

SEARCHED_BEFORE = timedelta(days=1)
"""How far before the moment a search at a provider begins: providers search by days or by their own index, and our
clock may be off by hours. What a day adds is some rows of a page."""

LOOKED_UP_BEFORE = timedelta(days=2)
"""How far before a send its copy is looked for. "Not there" permits a second send, so a message that is dated before we
think we sent it must not be overlooked."""

NARROWED_BY = timedelta(hours=2)
"""How far a mail system's clock and ours may be apart, where a moment only narrows what an address has found."""

UNCOMPARED = timedelta(minutes=5)
"""How far the clock of a receiver may be off that nobody could compare with ours."""

COMPARED = timedelta(seconds=10)
"""What remains of a clock that was compared: ``Date`` knows whole seconds, and a provider's hosts differ by some."""

WRONG = timedelta(minutes=1)
"""From here on a provider's moments are brought to our clock; less is theirs to have."""

SIGNED_AHEAD = timedelta(hours=10)
"""How far in the future a signature may be dated and still count. RFC 6376 section 3.5 leaves it to the
verifier; clocks and time zones are often wrong by hours, and large receivers do not mind."""
