"""Weights in bfloat16, for vectors that compute in single precision."""

from collections.abc import Sequence

from llvmlite import ir

from featlearn.ops.kernels.emitter import Emitter, Value
from featlearn.ops.kernels.target import Number

_BITS = ir.IntType(16)
_WORD = ir.IntType(32)

HALVES = _BITS.as_pointer()
"""Points to numbers in bfloat16."""


def widen_rows(
    emit: Emitter, rows: Value, places: Sequence[int], target: Value, count: int
) -> None:
    """Write how rows of numbers are laid out below each other, in numbers of four bytes.

    Args:
        emit: Writes the function, in single precision.
        rows: What the places count from, in bfloat16.
        places: Where the rows begin.
        target: Where they are laid out, in whole vectors each.
        count: Numbers in each.
    """
    lanes, wide = emit.number.lanes, emit.number.whole(count)
    for i, place in enumerate(places):
        for begin in range(0, count, lanes):
            some = emit.at(rows, place + begin)
            part = _widened(emit, some, min(lanes, count - begin))
            emit.store_vector(part, emit.at(target, i * wide + begin))


def _widened(emit: Emitter, pointer: Value, lanes: int) -> Value:
    """Load numbers, whose bits are the upper half of those in single precision."""
    half = Number(_BITS, emit.number.lanes, 2)
    words = ir.VectorType(_WORD, half.lanes)
    bits: Value = emit.zext(emit.load_vector(pointer, lanes=lanes, number=half), words)
    return emit.bitcast(emit.shl(bits, ir.Constant(words, [16] * half.lanes)), emit.number.vector)
