"""Every position's filters applied to its window."""

import itertools
from collections.abc import Generator
from typing import NamedTuple

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel, pointer_to
from featlearn.ops.kernels.emitter import Emitter, Parts, Value
from featlearn.ops.kernels.geometry import Local
from featlearn.ops.kernels.target import Number, Target
from featlearn.ops.kernels.widening import HALVES, widen_rows
from featlearn.ops.kernels.writer import Writer

_MOST_WINDOW = 2**19  # bytes of a window that stay in the cache of a core


class Chunk(NamedTuple):
    """Samples whose sums are kept in registers.

    Attributes:
        first: The first of them.
        vectors: How many vectors they fill.
        last: How many are in the last.
    """

    first: Value
    vectors: int
    last: int


def forward_kernel(
    sizes: Local, number: Number, target: Target, *, biased: bool, half: bool = False
) -> Kernel:
    """Write the kernel that takes planes, weights, biases and codes, and fills the codes.

    Without `biased` the third may point anywhere. The planes lie in parts, one after the other,
    as `parts_of` says. With `half` the weights are in bfloat16, and become what is computed with
    row by row.

    The sums of some maps over some vectors of the batch stay in registers while the whole
    window goes by: each vector of the input is loaded once for all of these maps, each weight
    once for all of these vectors.
    """
    return _Forward(sizes, number, target, biased=biased, half=half).kernel()


def parts_of(sizes: Local, number: Number, target: Target) -> list[int]:
    """Give the samples of the parts of the batch that planes are cut into for the kernel.

    A window of the whole batch may be more than the cache of a core holds: then each part of
    the batch goes through the layer by itself, and its numbers should lie together.
    """
    window = sizes.filter * sizes.batch * number.bytes
    if window <= _MOST_WINDOW:
        return [sizes.batch]
    _, chunks = target.blocks(sizes.maps, -(-sizes.batch // number.lanes))
    ends = itertools.accumulate(number.lanes * chunk for chunk in chunks)
    ends = [0, *(min(end, sizes.batch) for end in ends)]
    return [end - begin for begin, end in itertools.pairwise(ends)]


class _Forward(Writer[Local]):
    def __init__(
        self, sizes: Local, number: Number, target: Target, *, biased: bool, half: bool
    ) -> None:
        super().__init__(sizes, number, target)
        self.biased, self.half = biased, half
        plain = pointer_to(number)
        self.kinds = [plain, HALVES if half else plain, plain, plain]
        self.tiles = Parts(self._tile)
        vectors = -(-sizes.batch // number.lanes)
        self.maps, self.chunks = target.blocks(sizes.maps, vectors)
        self.parted = len(parts_of(sizes, number, target)) > 1

    def kernel(self) -> Kernel:
        """Go through the positions, row by row; in parts of the batch, once for each part."""
        sizes = self.sizes
        work, emit = self.begin("work", pointers=self.kinds, integers=2)
        *operands, begin, end = work.args
        if self.parted:
            for chunk in self._over_batch(emit):
                for place in self._over_positions(emit, begin, end):
                    self._at_position(emit, operands, place, chunk)
        else:
            for place in self._over_positions(emit, begin, end):
                for chunk in self._over_batch(emit):
                    self._at_position(emit, operands, place, chunk)
        emit.ret_void()
        return self.compiled(work, units=sizes.rows * sizes.columns)

    def _over_batch(self, emit: Emitter) -> Generator[Chunk]:
        """Write loops over the batch, and give what each goes through."""
        lanes, batch = self.number.lanes, self.sizes.batch
        first = 0
        for vectors, alike in itertools.groupby(self.chunks):
            count, wide = len(list(alike)), vectors * lanes
            full = min(count, (batch - first) // wide)
            with emit.loop(first, first + full * wide, step=wide) as some:
                yield Chunk(some.index, vectors, lanes)
            if full < count:
                begin = first + full * wide
                yield Chunk(emit.whole(begin), vectors, batch - begin - (vectors - 1) * lanes)
            first += count * wide

    def _over_positions(self, emit: Emitter, begin: Value, end: Value) -> Generator[Value]:
        """Write a loop over positions, and give each."""
        with emit.loop(begin, end) as position:
            yield position.index

    def _at_position(
        self, emit: Emitter, operands: list[Value], position: Value, chunk: Chunk
    ) -> None:
        """Call the tiles that cover all maps at a position, for some of the batch."""
        sizes, (x, weight, bias, codes) = self.sizes, operands
        row, column = emit.divided(position, sizes.columns)
        pixel = emit.times(emit.add(emit.times(row, sizes.width), column), sizes.shift)
        if self.parted:
            samples = (chunk.vectors - 1) * self.number.lanes + chunk.last
            planes = sizes.height * sizes.width * sizes.channels
            seen = emit.add(emit.times(chunk.first, planes), emit.times(pixel, samples))
        else:
            samples = sizes.batch
            seen = emit.add(chunk.first, emit.times(pixel, samples))
        first = emit.times(position, sizes.maps)
        unit = 0
        for maps in self.maps:
            own = emit.add(first, emit.whole(unit))
            pointers = [
                emit.at(x, seen),
                emit.at(weight, emit.times(own, sizes.filter)),
                emit.at(bias, own) if self.biased else bias,
                emit.at(codes, emit.add(emit.times(own, sizes.batch), chunk.first)),
            ]
            emit.call(self.tiles(maps, chunk.vectors, chunk.last, samples), pointers)
            unit += maps

    def _tile(self, maps: int, vectors: int, last: int, apart: int) -> ir.Function:
        """Write the sums of `maps` over `vectors`, of which the last has `last` lanes.

        In the planes the same sample of two inputs lies `apart`.
        """
        sizes, lanes, number = self.sizes, self.number.lanes, self.number
        used = [lanes] * (vectors - 1) + [last]
        tile, emit = self.begin(f"tile_{maps}_{vectors}_{last}_{apart}", pointers=self.kinds)
        x, weight, bias, codes = tile.args
        widened = emit.scratch(maps * number.whole(sizes.run)) if self.half else None
        begun = [
            emit.broadcast(emit.at(bias, unit)) if self.biased else number.zeros
            for unit in range(maps)
            for _ in range(vectors)
        ]
        with emit.loop(0, sizes.kernel_height, values=begun) as row:
            above = emit.at(x, emit.times(row.index, sizes.width * sizes.channels * apart))
            filters, from_filter = emit.at(weight, emit.times(row.index, sizes.run)), sizes.filter
            if len(self.chunks) == 1:  # of the next position: here each weight is read once
                for unit in range(maps):
                    ahead = emit.at(filters, (sizes.maps + unit) * sizes.filter)
                    emit.prefetch(ahead, sizes.run)
            if widened is not None:
                places = [unit * sizes.filter for unit in range(maps)]
                widen_rows(emit, filters, places, widened, sizes.run)
                filters, from_filter = widened, number.whole(sizes.run)
            with emit.loop(0, sizes.run, values=row.values) as place:
                seen = emit.at(above, emit.times(place.index, apart))
                inputs = [
                    emit.load_vector(emit.at(seen, lanes * i), lanes=some)
                    for i, some in enumerate(used)
                ]
                weights = emit.at(filters, place.index)
                place.carry(emit.add_outer(place.values, inputs, weights, from_filter))
            row.carry(place.values)
        for i, total in enumerate(row.values):
            unit, vector = divmod(i, vectors)
            target = emit.at(codes, unit * sizes.batch + vector * lanes)
            emit.store_vector(total, target, lanes=used[vector])
        emit.ret_void()
        return tile
