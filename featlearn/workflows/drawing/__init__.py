"""Drawers: each gives the figures of one kind, by name."""
