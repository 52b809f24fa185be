"""Which positions see a place of the planes."""

from featlearn.ops.kernels.emitter import Emitter, Value
from featlearn.ops.kernels.geometry import Local


def reaching_rows(emit: Emitter, sizes: Local, row: Value) -> tuple[Value, Value]:
    """Find the first row of positions whose windows hold a row, and the one after the last."""
    above = emit.larger(
        emit.add(row, emit.whole(1 - sizes.kernel_height)), emit.whole(1 - sizes.stride)
    )
    first = emit.sdiv(emit.add(above, emit.whole(sizes.stride - 1)), emit.whole(sizes.stride))
    last = emit.sdiv(row, emit.whole(sizes.stride))
    return first, emit.smaller(emit.add(last, emit.whole(1)), emit.whole(sizes.rows))
