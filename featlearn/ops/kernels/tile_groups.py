"""What goes through groups of positions by products of tiles, with memory of its own."""

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel
from featlearn.ops.kernels.emitter import INT, Parts
from featlearn.ops.kernels.geometry import Local
from featlearn.ops.kernels.groups import call_groups, groups_of
from featlearn.ops.kernels.target import Target
from featlearn.ops.kernels.tiles import HALF, begin_tile_function
from featlearn.ops.kernels.widening import HALVES


def groups_kernel(
    module: ir.Module,
    sizes: Local,
    target: Target,
    *,
    abreast: int,
    operands: int,
    scratch: tuple[int, int],
    groups: Parts,
) -> Kernel:
    """Write the kernel that calls what computes each group.

    Args:
        module: What the groups are written into.
        sizes: Sizes of the layer.
        target: What to compile for.
        abreast: Positions in a group.
        operands: How many tensors the kernel takes, all in bfloat16.
        scratch: Numbers in bfloat16, zero at first, and sums that a thread has for its own.
        groups: Functions for so many positions. They take the operands, the memory, and the
            row and the first column of the group.
    """
    work, emit = begin_tile_function(module, "work", [HALVES] * operands + [INT] * 2)
    *given, begin, end = work.args
    numbers, sums = emit.scratch(scratch[0], number=HALF), emit.scratch(scratch[1])
    emit.fill_with_zeros(numbers, scratch[0], number=HALF)
    emit.begin_tiles()
    call_groups(
        emit,
        sizes,
        abreast,
        units=(begin, end),
        groups=groups,
        operands=[*given, numbers, sums],
    )
    emit.end_tiles()
    emit.ret_void()
    return Kernel(module, work, units=groups_of(sizes, abreast), target=target)
