"""Forms of browsers, and calls back to where an upload came from."""
