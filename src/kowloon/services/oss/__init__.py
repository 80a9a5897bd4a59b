"""OSS: object storage. Its own protocol, its own chain; buckets in the store, objects in engines/blob."""
