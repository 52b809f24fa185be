"""The MNIST table of the CVPR 2012 tutorial on deep learning, rerun: ten ways to read digits."""
