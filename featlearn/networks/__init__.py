"""Stacks of stages, and the files they are kept in."""
