"""Whether all units of a map do the same, each at its place."""

from featlearn.networks.stack import Stack


def shares_maps(stack: Stack, index: int) -> bool:
    """Say whether a map of a stage stands for its units: one function, moved over the image.

    One filter at every position is not enough: over a stage whose filters differ from place
    to place it finds something else everywhere.

    Args:
        stack: The network.
        index: Place of the stage.

    Returns:
        Whether this stage and all below share their filters, and its output has a plane.
    """
    shape = stack.stage(index).output_shape
    shared = all(stack.stage(place).filter.shared for place in range(index + 1))
    return shared and shape.height * shape.width > 1
