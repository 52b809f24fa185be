"""The layouts that products of tiles read: rows of numbers, and pairs beside each other."""

from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel
from featlearn.ops.kernels.emitter import INT, Value
from featlearn.ops.kernels.target import Target
from featlearn.ops.kernels.tiles import (
    HALF,
    INNER,
    PAIR,
    ROWS,
    TileEmitter,
    begin_tile_function,
)
from featlearn.ops.kernels.widening import HALVES


def pairs_kernel(lines: int, length: int, batch: int, *, shifts: int, target: Target) -> Kernel:
    """Write the kernel that lays each two neighbouring numbers of a line beside each other.

    From `(lines, length, batch)` to `(shifts, lines, pairs, batch, 2)` with `pairs` half the
    length, rounded up: in the first of them the pairs begin with the numbers 0, 2, ..., in the
    second with 1, 3, .... Beside the last number, where it has no neighbour, is zero.

    Args:
        lines: How many lines there are.
        length: Numbers in each.
        batch: Samples of each number; a multiple of 32.
        shifts: 1 or 2.
        target: What to compile for.
    """
    module, pairs = ir.Module(), -(-length // 2)
    work, emit = begin_tile_function(module, "work", [HALVES, HALVES, INT, INT])
    source, target_pointer, begin, end = work.args
    with emit.loop(begin, end) as unit:
        place = emit.srem(unit.index, emit.whole(pairs))
        line = emit.sdiv(unit.index, emit.whole(pairs))
        shift, line = emit.divided(line, lines)
        first = emit.add(emit.times(place, 2), shift)
        one, other = (_existing(emit, emit.add(first, emit.whole(step)), length) for step in (0, 1))
        number = emit.add(emit.times(line, length), first)
        seen = emit.at(source, emit.times(number, batch))
        laid = emit.at(target_pointer, emit.times(unit.index, 2 * batch))
        with emit.loop(0, batch, step=INNER) as some:
            both = emit.interleave(
                emit.load_half(emit.at(seen, some.index), lanes=one),
                emit.load_half(emit.at(seen, emit.add(some.index, emit.whole(batch))), lanes=other),
            )
            for i, part in enumerate(both):
                place = emit.add(emit.times(some.index, 2), emit.whole(i * INNER))
                emit.store_vector(part, emit.at(laid, place), number=HALF)
    emit.ret_void()
    return Kernel(module, work, units=shifts * lines * pairs, target=target)


def turned_samples_kernel(
    lines: int, length: int, batch: int, *, padded: int, target: Target
) -> Kernel:
    """Write the kernel that turns lines so that each two samples are rows of their pairs.

    From `(lines, length, batch)` to `(lines, batch / 2, padded, 2)`; what is behind the length,
    from the next multiple of 16 on, is left as it was.

    Args:
        lines: How many lines there are.
        length: Numbers in each.
        batch: Samples of each number; a multiple of 32.
        padded: Pairs in a row of the result; at least the length, rounded up to 16.
        target: What to compile for.
    """

    def turn(emit: TileEmitter, found: list[Value], sample: Value, laid: Value) -> None:
        turned = emit.transpose([emit.bitcast(part, PAIR.vector) for part in found])
        for i, part in enumerate(turned):
            row = emit.add(emit.times(sample, padded), emit.whole(2 * i * padded))
            emit.store_vector(part, emit.at(laid, row), number=PAIR)

    sizes = _Lines(lines, length, batch)
    return _turning(sizes, turn, block=ROWS, apart=(batch * padded, 2), target=target)


def turned_numbers_kernel(
    lines: int, length: int, batch: int, *, padded: int, target: Target
) -> Kernel:
    """Write the kernel that turns lines so that each sample is a row of all numbers.

    From `(lines, length, batch)` to `(lines, batch, padded)`; what is behind the length, from
    the next multiple of 32 on, is left as it was.

    Args:
        lines: How many lines there are.
        length: Numbers in each; even.
        batch: Samples of each number; a multiple of 32.
        padded: Numbers in a row of the result; at least the length, rounded up to 32.
        target: What to compile for.
    """

    def turn(emit: TileEmitter, found: list[Value], sample: Value, laid: Value) -> None:
        both = [emit.interleave(*found[i : i + 2]) for i in range(0, INNER, 2)]
        for half in (0, 1):
            turned = emit.transpose([emit.bitcast(part[half], PAIR.vector) for part in both])
            for i, part in enumerate(turned):
                row = emit.add(sample, emit.whole(half * ROWS + i))
                emit.store_vector(part, emit.at(laid, emit.times(row, padded)), number=PAIR)

    sizes = _Lines(lines, length, batch)
    return _turning(sizes, turn, block=INNER, apart=(batch * padded, 1), target=target)


class _Lines(NamedTuple):
    """Sizes of what is turned: `(lines, length, batch)`."""

    lines: int
    length: int
    batch: int


def _turning(
    sizes: _Lines,
    turn: Callable[[TileEmitter, list[Value], Value, Value], None],
    *,
    block: int,
    apart: tuple[int, int],
    target: Target,
) -> Kernel:
    """Write a kernel that turns lines, a block of numbers and 32 samples at a time.

    Args:
        sizes: Sizes of the lines.
        turn: Writes how a block is turned: it takes a vector of each of its numbers, the first
            sample, and where the block is laid.
        block: Numbers in a block.
        apart: Numbers between lines of the result, and between what each number begins.
        target: What to compile for.
    """
    lines, length, batch = sizes
    module, blocks = ir.Module(), -(-length // block)
    work, emit = begin_tile_function(module, "work", [HALVES, HALVES, INT, INT])
    source, result, begin, end = work.args
    with emit.loop(begin, end) as unit:
        line = emit.sdiv(unit.index, emit.whole(blocks))
        first = emit.times(emit.srem(unit.index, emit.whole(blocks)), block)
        number = emit.add(emit.times(line, length), first)
        seen = emit.at(source, emit.times(number, batch))
        laid = emit.at(result, emit.add(emit.times(line, apart[0]), emit.times(first, apart[1])))
        masks = [_existing(emit, emit.add(first, emit.whole(i)), length) for i in range(block)]
        with emit.loop(0, batch, step=INNER) as some:
            found = [
                emit.load_half(
                    emit.at(seen, emit.add(some.index, emit.whole(i * batch))), lanes=mask
                )
                for i, mask in enumerate(masks)
            ]
            turn(emit, found, some.index, laid)
    emit.ret_void()
    return Kernel(module, work, units=lines * blocks, target=target)


def _existing(emit: TileEmitter, place: Value, length: int) -> Value:
    """Load all lanes where `place` is in the line, else none."""
    inside = emit.icmp_signed("<", place, emit.whole(length))
    count = emit.select(inside, emit.whole(INNER), emit.whole(0))
    return emit.within(emit.whole(0), count)
