"""The derivative by the weights, by products of tiles."""

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel
from featlearn.ops.kernels.emitter import INT, Parts, Value
from featlearn.ops.kernels.geometry import Local
from featlearn.ops.kernels.target import Target
from featlearn.ops.kernels.tile_groups import groups_kernel
from featlearn.ops.kernels.tile_plan import plan
from featlearn.ops.kernels.tiles import (
    HALF,
    INNER,
    ROWS,
    SINGLE,
    SINGLES,
    TileEmitter,
    begin_tile_function,
)
from featlearn.ops.kernels.widening import HALVES


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
        units = self.plan.tiles * ROWS
        return groups_kernel(
            self.module,
            self.sizes,
            self.target,
            abreast=self.plan.abreast,
            operands=3,
            scratch=(units * self.sizes.batch, units * self.span),
            groups=self.groups,
        )

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
            emit.store_sums(tiles, emit.at(sums, some.index), self.span)
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
        emit.begin_sums(tiles)
        with emit.loop(0, sizes.batch, step=INNER) as some:
            codes = emit.at(rows, some.index)
            emit.add_products(
                [emit.at(codes, tile * ROWS * sizes.batch) for tile in range(tiles)],
                sizes.batch,
                emit.at(seen, emit.times(some.index, self.padded)),
                2 * self.padded,
            )

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
