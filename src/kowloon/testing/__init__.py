"""Shipped for users' own tests: a cloud in the test's process, and a pytest plugin."""
