"""The derivative by the weights, by products of tiles."""

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel
from featlearn.ops.kernels.emitter import INT, Parts, Value
from featlearn.ops.kernels.geometry import Local
from featlearn.ops.kernels.groups import call_groups, groups_of
from featlearn.ops.kernels.target import Target
from featlearn.ops.kernels.tile_plan import plan
from featlearn.ops.kernels.tiles import (
    HALF,
    HALVES,
    INNER,
    ROWS,
    SINGLE,
    SINGLES,
    TileEmitter,
    begin_tile_function,
)


def padded_length(sizes: Local) -> int:
    """Count the pairs in a row of the turned planes: no tile that is read leaves its row."""
    reach = (sizes.columns - 1) // plan(sizes).abreast * plan(sizes).abreast * sizes.shift
    return max(reach + plan(sizes).span(sizes), -(-sizes.width * sizes.channels // ROWS) * ROWS)


def scratch_bytes(sizes: Local) -> int:
    """Count the memory of a thread's own that the kernel needs."""
    laid = plan(sizes)
    units = laid.tiles * ROWS
    return units * (sizes.batch * HALF.bytes + laid.span(sizes) * SINGLE.bytes)


def gradient_kernel(sizes: Local, target: Target) -> Kernel:
    """Write the kernel that takes turned planes, codes and weights, and fills the weights.

    The planes are those of `turned_samples_kernel`, padded to `padded_length`; the codes, whose
    samples lie beside each other, are numbers of tiles as they are. The batch is a multiple
    of 32.

    The sums of some neighbouring positions are taken with all inputs that one of them sees;
    those with inputs that a unit does not see are dropped.
    """
    return _Gradient(sizes, target).kernel()


class _Gradient:
    def __init__(self, sizes: Local, target: Target) -> None:
        self.sizes, self.target = sizes, target
        self.plan = plan(sizes)
        self.span, self.padded = self.plan.span(sizes), padded_length(sizes)
        self.module = ir.Module()
        self.groups = Parts(self._group)
        self.lines = Parts(self._line)

    def kernel(self) -> Kernel:
        """Go through the groups of positions that lie abreast."""
        sizes, units = self.sizes, self.plan.tiles * ROWS
        work, emit = begin_tile_function(self.module, "work", [HALVES] * 3 + [INT] * 2)
        *given, begin, end = work.args
        rows = emit.scratch(units * sizes.batch, number=HALF)
        sums = emit.scratch(units * self.span)
        emit.fill_with_zeros(rows, units * sizes.batch, number=HALF)
        emit.begin_tiles()
        call_groups(
            emit,
            sizes,
            self.plan.abreast,
            units=(begin, end),
            groups=self.groups,
            operands=[*given, rows, sums],
        )
        emit.end_tiles()
        emit.ret_void()
        units = groups_of(sizes, self.plan.abreast)
        return Kernel(self.module, work, units=units, target=self.target)

    def _group(self, abreast: int) -> ir.Function:
        """Write the derivative by all weights of the positions abreast."""
        sizes = self.sizes
        kinds = [*[HALVES] * 4, SINGLES, INT, INT]
        group, emit = begin_tile_function(self.module, f"group_{abreast}", kinds)
        planes, codes, weight, rows, sums, row, column = group.args
        unit = emit.times(emit.add(emit.times(row, sizes.columns), column), sizes.maps)
        line = sizes.batch // 2 * self.padded
        place = emit.add(emit.times(row, sizes.stride * line), emit.times(column, sizes.shift))
        seen = emit.at(planes, emit.times(place, 2))
        first = 0
        for maps in self.plan.maps:
            own = emit.add(unit, emit.whole(first))
            given = emit.at(codes, emit.times(own, sizes.batch))
            with emit.loop(0, abreast * maps * sizes.batch, step=INNER) as some:
                part = emit.load_half(emit.at(given, some.index))
                emit.store_vector(part, emit.at(rows, some.index), number=HALF)
            filters = emit.at(weight, emit.times(own, sizes.filter))
            with emit.loop(0, sizes.kernel_height) as inside:
                operands = [
                    emit.at(seen, emit.times(inside.index, 2 * line)),
                    rows,
                    sums,
                    emit.at(filters, emit.times(inside.index, sizes.run)),
                ]
                emit.call(self.lines(abreast, maps), operands)
            first += maps
        emit.ret_void()
        return group

    def _line(self, abreast: int, maps: int) -> ir.Function:
        """Write the derivative by one row of the kernels of the positions abreast."""
        sizes = self.sizes
        kinds = [HALVES, HALVES, SINGLES, HALVES]
        line, emit = begin_tile_function(self.module, f"line_{abreast}_{maps}", kinds)
        seen, rows, sums, weight = line.args
        tiles = -(-abreast * maps // ROWS)
        with emit.loop(0, self.span, step=INNER) as some:
            self._sum(emit, emit.at(seen, emit.times(some.index, 2)), rows, tiles)
            for total in range(2 * tiles):
                tile, half = divmod(total, 2)
                place = emit.add(some.index, emit.whole(tile * ROWS * self.span + half * ROWS))
                emit.store_tile(total, emit.at(sums, place), self.span * SINGLE.bytes)
        for position in range(abreast):
            with emit.loop(0, maps) as some:
                unit = emit.add(some.index, emit.whole(position * maps))
                place = emit.add(emit.times(unit, self.span), emit.whole(position * sizes.shift))
                self._round(
                    emit, emit.at(sums, place), emit.at(weight, emit.times(unit, sizes.filter))
                )
        emit.ret_void()
        return line

    def _sum(self, emit: TileEmitter, seen: Value, rows: Value, tiles: int) -> None:
        """Sum the codes of all units times 32 inputs over the batch."""
        sizes = self.sizes
        for total in range(2 * tiles):
            emit.zero_tile(total)
        with emit.loop(0, sizes.batch, step=INNER) as some:
            inputs = emit.at(seen, emit.times(some.index, self.padded))
            for half in (0, 1):
                emit.load_tile(6 + half, emit.at(inputs, half * INNER), 4 * self.padded)
            for tile in range(tiles):
                place = emit.add(some.index, emit.whole(tile * ROWS * sizes.batch))
                emit.load_tile(4 + tile, emit.at(rows, place), 2 * sizes.batch)
                for half in (0, 1):
                    emit.multiply_tiles(2 * tile + half, 4 + tile, 6 + half)

    def _round(self, emit: TileEmitter, sums: Value, weight: Value) -> None:
        """Store the sums of one unit in one row of its kernel, in bfloat16."""
        run = self.sizes.run
        for place in range(0, run, INNER):
            lanes = min(INNER, run - place)
            low = emit.load_vector(emit.at(sums, place), lanes=min(lanes, ROWS))
            high = SINGLE.zeros
            if lanes > ROWS:
                high = emit.load_vector(emit.at(sums, place + ROWS), lanes=lanes - ROWS)
            emit.store_vector(
                emit.round_to_half(low, high), emit.at(weight, place), lanes=lanes, number=HALF
            )
