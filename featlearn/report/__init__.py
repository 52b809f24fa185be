"""The page that a user opens."""
