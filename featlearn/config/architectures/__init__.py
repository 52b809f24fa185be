"""Published networks, declared in the language of stages and known by their names."""
