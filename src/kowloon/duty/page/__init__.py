"""The page of duty: files for browsers, and the route that serves them."""
