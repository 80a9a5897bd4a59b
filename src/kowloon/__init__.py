"""Kowloon: a cloud with zones you can break."""

__version__ = "0.1.0"
