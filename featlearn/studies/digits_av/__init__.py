"""Digits seen and heard: what a shared code is worth."""
