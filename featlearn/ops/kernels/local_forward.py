"""Every position's filters applied to its window."""

import itertools

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel, pointer_to
from featlearn.ops.kernels.emitter import INT, Emitter, Parts, Value, begin_function
from featlearn.ops.kernels.geometry import Local, evenly
from featlearn.ops.kernels.target import Number, Target


def forward_kernel(sizes: Local, number: Number, target: Target, *, biased: bool) -> Kernel:
    """Write the kernel that takes planes, weights, biases and codes, and fills the codes.

    Without `biased` the third may point anywhere.

    The sums of some maps over some vectors of the batch stay in registers while the whole
    window goes by: each vector of the input is loaded once for all of these maps, each weight
    once for all of these vectors.
    """
    return _Forward(sizes, number, target, biased=biased).kernel()


class _Forward:
    def __init__(self, sizes: Local, number: Number, target: Target, *, biased: bool) -> None:
        self.sizes, self.number, self.target, self.biased = sizes, number, target, biased
        self.module = ir.Module()
        self.pointer = pointer_to(number)
        self.tiles = Parts(self._tile)
        self.maps = evenly(sizes.maps, 8 if target.registers > 16 else 4)
        vectors = max(target.accumulators // max(self.maps), 1)
        self.chunks = evenly(-(-sizes.batch // number.lanes), vectors)

    def kernel(self) -> Kernel:
        """Go through the positions, row by row."""
        sizes = self.sizes
        work, emit = begin_function(
            self.module, "work", [self.pointer] * 4 + [INT] * 2, self.number
        )
        x, weight, bias, codes, begin, end = work.args
        with emit.loop(begin, end) as position:
            row = emit.sdiv(position.index, emit.whole(sizes.columns))
            column = emit.srem(position.index, emit.whole(sizes.columns))
            pixel = emit.times(
                emit.add(emit.times(row, sizes.width), column), sizes.shift * sizes.batch
            )
            unit = emit.times(position.index, sizes.maps)
            self._at_position(
                emit,
                emit.at(x, pixel),
                emit.at(weight, emit.times(unit, sizes.filter)),
                emit.at(bias, unit) if self.biased else bias,
                emit.at(codes, emit.times(unit, sizes.batch)),
            )
        emit.ret_void()
        return Kernel(self.module, work, units=sizes.rows * sizes.columns, target=self.target)

    def _at_position(
        self, emit: Emitter, x: Value, weight: Value, bias: Value, codes: Value
    ) -> None:
        """Call the tiles that cover all maps and the whole batch."""
        lanes = self.number.lanes
        first = 0
        for vectors, alike in itertools.groupby(self.chunks):
            count, wide = len(list(alike)), vectors * lanes
            full = min(count, (self.sizes.batch - first) // wide)
            with emit.loop(first, first + full * wide, step=wide) as some:
                self._cover_maps(
                    emit,
                    [emit.at(x, some.index), weight, bias, emit.at(codes, some.index)],
                    (vectors, lanes),
                )
            if full < count:
                begin = first + full * wide
                last = self.sizes.batch - begin - (vectors - 1) * lanes
                pointers = [emit.at(x, begin), weight, bias, emit.at(codes, begin)]
                self._cover_maps(emit, pointers, (vectors, last))
            first += count * wide

    def _cover_maps(self, emit: Emitter, pointers: list[Value], size: tuple[int, int]) -> None:
        """Call the tiles that cover all maps, for some vectors, of which the last is cut."""
        x, weight, bias, codes = pointers
        unit = 0
        for maps in self.maps:
            own = [
                x,
                emit.at(weight, unit * self.sizes.filter),
                emit.at(bias, unit) if self.biased else bias,
                emit.at(codes, unit * self.sizes.batch),
            ]
            emit.call(self.tiles(maps, *size), own)
            unit += maps

    def _tile(self, maps: int, vectors: int, last: int) -> ir.Function:
        """Write the sums of `maps` over `vectors`, of which the last has `last` lanes."""
        sizes, lanes, number = self.sizes, self.number.lanes, self.number
        used = [lanes] * (vectors - 1) + [last]
        tile, emit = begin_function(
            self.module, f"tile_{maps}_{vectors}_{last}", [self.pointer] * 4, number
        )
        x, weight, bias, codes = tile.args
        begun = [
            emit.broadcast(emit.at(bias, unit)) if self.biased else number.zeros
            for unit in range(maps)
            for _ in range(vectors)
        ]
        with emit.loop(0, sizes.kernel_height, values=begun) as row:
            above = emit.at(x, emit.times(row.index, sizes.width * sizes.channels * sizes.batch))
            filters = emit.at(weight, emit.times(row.index, sizes.run))
            with emit.loop(0, sizes.run, values=row.values) as place:
                seen = emit.at(above, emit.times(place.index, sizes.batch))
                inputs = [
                    emit.load_vector(emit.at(seen, lanes * i), lanes=some)
                    for i, some in enumerate(used)
                ]
                sums: list[Value] = []
                for unit in range(maps):
                    w = emit.broadcast(
                        emit.at(filters, emit.add(place.index, emit.whole(unit * sizes.filter)))
                    )
                    totals = place.values[unit * vectors : (unit + 1) * vectors]
                    sums += [
                        emit.multiply_add(one, w, total)
                        for one, total in zip(inputs, totals, strict=True)
                    ]
                place.carry(sums)
            row.carry(place.values)
        for i, total in enumerate(row.values):
            unit, vector = divmod(i, vectors)
            target = emit.at(codes, unit * sizes.batch + vector * lanes)
            emit.store_vector(total, target, lanes=used[vector])
        emit.ret_void()
        return tile
