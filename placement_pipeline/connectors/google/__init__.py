"""Google: sending and reading mail through the Gmail API, its sign-in, its errors, and the Workspace log.

The file names are those of ``microsoft``: what is alike has the same name.
"""
