"""Questions about a bucket's objects."""
