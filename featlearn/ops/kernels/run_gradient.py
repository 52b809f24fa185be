"""The derivative by the weights, for kernels whose rows fill vectors."""

import itertools

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel
from featlearn.ops.kernels.emitter import Emitter, Parts, Value
from featlearn.ops.kernels.geometry import Local
from featlearn.ops.kernels.target import Number, Target
from featlearn.ops.kernels.writer import Writer

_MOST_WASTE = 1.2  # numbers in whole vectors, for each that is needed
_MOST_COLLECTED = 2**20  # bytes on the stack of a thread
_LARGE = 2**22  # bytes of weights that leave the cache of a core before they are read again


def fills_vectors(sizes: Local, number: Number) -> bool:
    """Tell whether this is the kernel for these sizes, not `gradient_kernel`."""
    return -(-sizes.run // number.lanes) * number.lanes <= _MOST_WASTE * sizes.run


def run_gradient_kernel(sizes: Local, number: Number, target: Target) -> Kernel:
    """Write the kernel that takes turned planes, codes and weights, and fills the weights.

    The planes lie as `(height, batch, width, channels)`, with a vector behind them that may be
    read. The inputs of a row of a kernel are then abreast in vectors, as its weights are, whose
    sums over the batch stay in registers.

    Weights that no cache holds are collected for a position and then go to memory past the
    caches, which need not read first what is written over. They must begin where vectors may.
    """
    return _Gradient(sizes, number, target).kernel()


class _Gradient(Writer[Local]):
    def __init__(self, sizes: Local, number: Number, target: Target) -> None:
        super().__init__(sizes, number, target)
        self.maps, vectors = target.blocks(sizes.maps, -(-sizes.run // number.lanes))
        ends = itertools.accumulate((number.lanes * some for some in vectors), initial=0)
        self.chunks = [
            (begin, min(end, sizes.run) - begin) for begin, end in itertools.pairwise(ends)
        ]
        self.line = sizes.batch * sizes.width * sizes.channels
        self.each = sizes.maps * sizes.filter  # weights of a position
        each = self.each * number.bytes
        in_vectors = each % target.vector_bytes == 0 and each <= _MOST_COLLECTED
        self.past_caches = in_vectors and sizes.rows * sizes.columns * each > _LARGE
        self.tiles = Parts(self._tile)

    def kernel(self) -> Kernel:
        """Go through the positions; or through them once for each row of the kernels."""
        return self._by_positions() if self.past_caches else self._by_rows()

    def _by_positions(self) -> Kernel:
        """Collect all weights of a position."""
        sizes = self.sizes
        work, emit = self.begin("work", pointers=3, integers=2)
        x, codes, weight, begin, end = work.args
        collected = emit.scratch(self.each)
        with emit.loop(begin, end) as position:
            row, column = emit.divided(position.index, sizes.columns)
            line = emit.times(emit.times(row, sizes.stride), self.line)
            seen = emit.at(x, emit.add(line, emit.times(column, sizes.shift)))
            own = emit.at(codes, emit.times(position.index, sizes.maps * sizes.batch))
            with emit.loop(0, sizes.kernel_height) as inside:
                pointers = [
                    emit.at(seen, emit.times(inside.index, self.line)),
                    own,
                    emit.at(collected, emit.times(inside.index, sizes.run)),
                ]
                for first, count in self.chunks:
                    self._cover_maps(emit, pointers, first, count)
            target = emit.at(weight, emit.times(position.index, self.each))
            emit.copy_past_caches(collected, target, self.each)
        emit.fence("seq_cst")
        emit.ret_void()
        return self.compiled(work, units=sizes.rows * sizes.columns)

    def _by_rows(self) -> Kernel:
        """Go along a row of positions for some inputs in a row of their windows.

        What two neighbours see of it is nearly the same, and stays in the nearest cache.
        """
        sizes = self.sizes
        work, emit = self.begin("work", pointers=3, integers=2)
        x, codes, weight, begin, end = work.args
        with emit.loop(begin, end) as unit:
            row, inside = emit.divided(unit.index, sizes.kernel_height)
            line = emit.add(emit.times(row, sizes.stride), inside)
            seen = emit.at(x, emit.times(line, self.line))
            first_unit = emit.times(row, sizes.columns * sizes.maps)
            own = emit.at(codes, emit.times(first_unit, sizes.batch))
            filters = emit.add(emit.times(first_unit, sizes.filter), emit.times(inside, sizes.run))
            found = emit.at(weight, filters)
            for first, count in self.chunks:
                with emit.loop(0, sizes.columns) as column:
                    pointers = [
                        emit.at(seen, emit.times(column.index, sizes.shift)),
                        emit.at(own, emit.times(column.index, sizes.maps * sizes.batch)),
                        emit.at(found, emit.times(column.index, self.each)),
                    ]
                    self._cover_maps(emit, pointers, first, count)
        emit.ret_void()
        return self.compiled(work, units=sizes.rows * sizes.kernel_height)

    def _cover_maps(self, emit: Emitter, pointers: list[Value], first: int, count: int) -> None:
        """Call the tiles of all maps, for some inputs from the `first` of a row of the window."""
        sizes, (x, codes, weight) = self.sizes, pointers
        unit = 0
        for maps in self.maps:
            own = [
                emit.at(x, first),
                emit.at(codes, unit * sizes.batch),
                emit.at(weight, unit * sizes.filter + first),
            ]
            emit.call(self.tiles(maps, count), own)
            unit += maps

    def _tile(self, maps: int, count: int) -> ir.Function:
        """Write the sums over the batch of `count` inputs times the codes of some maps."""
        sizes, lanes = self.sizes, self.number.lanes
        tile, emit = self.begin(f"tile_{maps}_{count}", pointers=3)
        x, codes, weight = tile.args
        places = range(0, count, lanes)
        zeros = [self.number.zeros] * (maps * len(places))
        with emit.loop(0, sizes.batch, values=zeros) as sample:
            seen = emit.at(x, emit.times(sample.index, sizes.width * sizes.channels))
            inputs = [emit.load_vector(emit.at(seen, place)) for place in places]
            own = emit.at(codes, sample.index)
            sample.carry(emit.add_outer(sample.values, inputs, own, sizes.batch))
        for i, total in enumerate(sample.values):
            unit, vector = divmod(i, len(places))
            target = emit.at(weight, unit * sizes.filter + places[vector])
            emit.store_vector(total, target, lanes=min(lanes, count - places[vector]))
        emit.ret_void()
        return tile
