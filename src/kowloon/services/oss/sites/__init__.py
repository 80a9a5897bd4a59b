"""Buckets as web hosts, and scripts of other sites."""
