"""What kernels are generated for: the vectors of a processor, and the numbers in them."""

import functools
from typing import Any, NamedTuple

from llvmlite import binding, ir

from featlearn.ops.kernels.geometry import evenly


class Target(NamedTuple):
    """The vector registers of a processor.

    Attributes:
        vector_bytes: Size of one.
        registers: How many there are.
        features: What the processor can, in LLVM's words.
    """

    vector_bytes: int
    registers: int
    features: str

    @property
    def accumulators(self) -> int:
        """How many vectors of sums may be kept, and leave room for what is multiplied."""
        return self.registers * 3 // 4

    def blocks(self, maps: int, vectors: int) -> tuple[list[int], list[int]]:
        """Cut maps and vectors into parts, so that the sums of one of each may be kept.

        Three vectors to a map load least for each product.
        """
        maps_of = evenly(maps, self.accumulators // 3)
        return maps_of, evenly(vectors, max(self.accumulators // max(maps_of), 1))


class Number(NamedTuple):
    """A kind of number, and how many of them a vector holds.

    Attributes:
        scalar: Its type.
        lanes: How many there are in a vector.
        bytes: Size of one.
    """

    scalar: Any
    lanes: int
    bytes: int

    @property
    def vector(self) -> Any:
        """The type of a vector."""
        return ir.VectorType(self.scalar, self.lanes)

    def whole(self, count: int) -> int:
        """Round a count of numbers up to whole vectors."""
        return -(-count // self.lanes) * self.lanes

    @property
    def zeros(self) -> Any:
        """A vector of zeros."""
        return ir.Constant(self.vector, None)

    @property
    def suffix(self) -> str:
        """How LLVM calls the vector in the names of its functions."""
        letter = "i" if isinstance(self.scalar, ir.IntType) else "f"
        return f"v{self.lanes}{letter}{8 * self.bytes}"


@functools.cache
def host() -> Target:
    """Find out what this processor has."""
    features = binding.get_host_cpu_features()
    # Intel's tuning prefers halves of the widest vectors, out of fear for the clock.
    words = f"{features.flatten()},-prefer-256-bit" if features else ""
    if features.get("avx512f"):
        return Target(64, 32, words)
    if features.get("avx2") and features.get("fma"):
        return Target(32, 16, features.flatten())
    return Target(16, 32 if features.get("neon") else 16, features.flatten())


def number(bytes_of_one: int, target: Target) -> Number:
    """Give the floating-point number of this size, 4 or 8 bytes."""
    scalar = ir.FloatType() if bytes_of_one == 4 else ir.DoubleType()
    return Number(scalar, target.vector_bytes // bytes_of_one, bytes_of_one)
