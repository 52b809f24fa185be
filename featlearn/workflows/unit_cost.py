"""What a best-unit test costs, by a count of operations: never by the clock."""

from featlearn.config.plan import plan
from featlearn.config.recipe import Recipe
from featlearn.errors import FeatlearnError
from featlearn.evaluate.candidates import halves_passed, stack_candidates
from featlearn.networks.stack import Stack
from featlearn.workflows.unit_methods import MOST_PROBED, Bench

_ANSWER = 250
"""Operations that take as long as finding the place of an answer among thresholds, about."""

_FITS = 10
_PASSES = 400
"""Operations for each number and class that a linear classifier learns from, about."""


class TooLongError(FeatlearnError):
    """A test that would take more operations than were allowed; `operations` says how many."""

    def __init__(self, operations: float) -> None:
        """Say how many it would take."""
        super().__init__(f"it would take about {_rough(operations)} operations")
        self.operations = operations


def operations_of(recipe: Recipe, stack: Stack, bench: Bench) -> float:
    """Count, roughly, the operations of a best-unit test without other runs.

    The network and its copy with random weights answer to every image, and so does a filter
    for each unit; the answers of each of the three are put between thresholds. Then linear
    classifiers learn from the last stage and from pixels.

    Args:
        recipe: What the network was built from.
        stack: The network.
        bench: The images.
    """
    units = stack_candidates(stack).total
    inputs = stack.input_shape.units
    network = plan(recipe, stack.input_shape, None).totals.flops
    image = 2 * network + 2 * units * inputs + 3 * units * _ANSWER
    numbers = stack.stage(len(stack) - 1).output_shape.units + inputs
    learned = min(len(bench.subject.chosen_on), MOST_PROBED) * numbers * len(bench.classes)
    return float(image * halves_passed(*bench.halves) + _FITS * _PASSES * learned)


def _rough(number: float) -> str:
    """Write a large number with one digit: `8e12`."""
    digit, power = f"{number:.0e}".split("e")
    return f"{digit}e{int(power)}"
