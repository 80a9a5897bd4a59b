"""Duty: posts that rotate by declared rules, acting holders the moment somebody is missing, and who is paged."""
