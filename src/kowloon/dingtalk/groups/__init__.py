"""Groups by the platform's calls: the older ones by `chat...` ids, and scene groups."""
