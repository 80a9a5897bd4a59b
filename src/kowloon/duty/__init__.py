"""Duty: posts that rotate among people by declared rules, acting holders the moment one is missing, and who is paged."""
