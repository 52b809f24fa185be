"""Le et al., ICML 2012, rerun: has a network that saw no label a unit for faces?"""
