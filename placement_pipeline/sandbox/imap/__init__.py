"""The wire of every other provider: an IMAP server and its token endpoint, on what ``post`` holds."""
