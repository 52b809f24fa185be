"""The commands, one module each, every one with a `command`."""
