"""Chance: how often mail reaches the inbox where nothing but the receiver's own mind decides.

Seeds are easier or harder for everybody: logit P(inbox) is that of the planted rate plus
the seed's effect, which is normal around 0. Every draw is made of the chance's number and
of what is drawn, not of a generator with a state: two runs give the same, in whatever
order mail is sent.
"""

import hashlib
import math
from statistics import NormalDist

from placement_pipeline.sandbox.world.file import Chance


def seed_effect(chance: Chance, seed_id: str) -> float:
    """What a seed adds to everybody's log-odds of the inbox; 0 is neither easy nor hard."""
    return chance.seed_sd * NormalDist().inv_cdf(draw(chance, "effect", seed_id))


def reaches_inbox(chance: Chance, rate: float, sender: str, seed_id: str, number: int) -> bool:
    """Whether one message reaches the inbox.

    Args:
        chance: the world's.
        rate: planted, 0 to 1, at a seed without an effect.
        sender: the address in From.
        seed_id: whom it is for.
        number: of the message among this sender's to this seed, from 1.
    """
    if rate in (0, 1):
        return rate == 1
    log_odds = math.log(rate / (1 - rate)) + seed_effect(chance, seed_id)
    return draw(chance, "message", sender.lower(), seed_id, str(number)) < 1 / (1 + math.exp(-log_odds))


def draw(chance: Chance, *parts: str) -> float:
    """A number between 0 and 1, always the same for the same parts, and evenly spread over others."""
    digest = hashlib.blake2b("\n".join((str(chance.number), *parts)).encode(), digest_size=6).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2**48
