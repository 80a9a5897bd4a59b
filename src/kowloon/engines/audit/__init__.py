"""What happened, kept: a journal that a killed process leaves whole, and an index over it."""
