"""What the study compares, and with how many labels."""

SETS = {
    "mnist-local": "MNIST",
    "fashion-local": "Fashion-MNIST",
    "cifar-conv": "CIFAR-10 (JPEG)",
}
"""The shipped recipes that the study trains, and what their sets are called."""

LABELS = (100, 300, 1000, 3000)
"""Numbers of labels."""

DRAWS = 10
"""Draws of each of these numbers."""

RUNS = "runs"
"""Folder of the runs, one for each recipe."""

FIGURE = "few-labels"
"""The picture, without the ending."""
