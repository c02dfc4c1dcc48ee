"""What goes out, and what may go out again: the plan, the template, the pace, the outbox's states."""
