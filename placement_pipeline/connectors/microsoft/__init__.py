"""Microsoft: sending and reading mail through Graph, its sign-in, its errors, and the message trace.

The file names are those of ``google``: what is alike has the same name.
"""
