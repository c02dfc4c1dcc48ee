"""The admin's table of mailboxes: its file, its cells, and the words people write in it."""
