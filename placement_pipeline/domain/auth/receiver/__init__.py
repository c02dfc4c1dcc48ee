"""What the receiver wrote into a message: its verdict and the envelope, from its own lines alone."""
