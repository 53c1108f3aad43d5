"""Damaged documents through the real parser pool: every one must end in a typed state."""
