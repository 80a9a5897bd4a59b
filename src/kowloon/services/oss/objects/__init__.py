"""Objects themselves: written, read, listed, copied, deleted, kept."""
