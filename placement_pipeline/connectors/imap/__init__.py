"""IMAP: seeds at every other provider. The connection, its answers and refusals, folders, sign-in."""
