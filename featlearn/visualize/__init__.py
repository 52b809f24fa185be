"""Pictures of what was learned, as matplotlib figures."""
