"""What buckets do by themselves, on the cloud's clock."""
