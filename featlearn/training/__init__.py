"""The loop, its schedules, checkpoints and the run directory."""
