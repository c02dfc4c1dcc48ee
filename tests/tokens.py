"""Tokens that a test can name: the same words always give the same one."""

import hashlib

from placement_pipeline.domain.probe import make_token


def token_of(*words: str) -> str:
    """A token for these words, in place of one made by chance."""
    return make_token(hashlib.blake2b("\n".join(words).encode(), digest_size=16).digest())
