"""How fast this machine is at each kind of layer."""
