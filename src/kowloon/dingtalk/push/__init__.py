"""Events on their way to applications: by Stream to who is connected, by HTTP to who has registered an address."""
