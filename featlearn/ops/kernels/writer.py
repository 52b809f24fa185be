"""What all classes that write a kernel begin with."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel, pointer_to
from featlearn.ops.kernels.emitter import INT, Emitter, begin_function
from featlearn.ops.kernels.target import Number, Target

Sizes = TypeVar("Sizes")


class Writer(Generic[Sizes]):
    """Writes the functions of one kernel, which take pointers to numbers, then whole numbers.

    Attributes:
        sizes: Sizes of what the kernel computes.
        number: Kind of number that it computes with.
        target: What it is compiled for.
        module: What its functions are written into.
    """

    def __init__(self, sizes: Sizes, number: Number, target: Target) -> None:
        """Begin a module."""
        self.sizes, self.number, self.target = sizes, number, target
        self.module = ir.Module()

    def begin(
        self, name: str, *, pointers: int | Sequence[Any], integers: int = 0
    ) -> tuple[ir.Function, Emitter]:
        """Begin a function that takes pointers, so many or of these kinds, and integers."""
        if isinstance(pointers, int):
            pointers = [pointer_to(self.number)] * pointers
        return begin_function(self.module, name, [*pointers, *[INT] * integers], self.number)

    def compiled(self, work: ir.Function, *, units: int) -> Kernel:
        """Compile all that was written, of which `work` does the given units of the work."""
        return Kernel(self.module, work, units=units, target=self.target)
