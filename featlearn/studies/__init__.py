"""Published comparisons, rerun."""
