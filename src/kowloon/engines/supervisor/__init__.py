"""Owns every real process of one cloud. The server talks to it through `client`; nothing here is imported on start."""
