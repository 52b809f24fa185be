"""Recipes: what they may say, reading and writing them, counting what they describe."""
