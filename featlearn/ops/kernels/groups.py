"""Positions in groups of neighbours, whose windows overlap and whose products share inputs."""

from collections.abc import Sequence

from featlearn.ops.kernels.emitter import Emitter, Parts, Value
from featlearn.ops.kernels.geometry import Local


def groups_of(sizes: Local, abreast: int) -> int:
    """Count the groups of all rows; the last of a row may be smaller."""
    return sizes.rows * -(-sizes.columns // abreast)


def call_groups(
    emit: Emitter,
    sizes: Local,
    abreast: int,
    *,
    units: tuple[Value, Value],
    groups: Parts,
    operands: Sequence[Value],
) -> None:
    """Call what computes a group, for some of the groups.

    Args:
        emit: Writes the function that calls.
        sizes: Sizes of the layer.
        abreast: Positions in a group.
        units: The first group, and the one after the last.
        groups: Functions for so many positions.
        operands: What they take before the row and the first column of the group.
    """
    in_row, rest = -(-sizes.columns // abreast), sizes.columns % abreast
    with emit.loop(*units) as group:
        row = emit.sdiv(group.index, emit.whole(in_row))
        column = emit.times(emit.srem(group.index, emit.whole(in_row)), abreast)
        given = [*operands, row, column]
        last = emit.icmp_signed("==", column, emit.whole(sizes.columns - rest))
        with emit.if_else(last) as (then, otherwise):
            with then:
                emit.call(groups(rest or abreast), given)
            with otherwise:
                emit.call(groups(abreast), given)
