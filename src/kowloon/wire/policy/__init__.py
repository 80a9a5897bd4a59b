"""The vendor's policy language: documents, conditions, and what a set of policies says of one request. Pure."""
