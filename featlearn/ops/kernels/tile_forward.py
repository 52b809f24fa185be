"""Every position's filters applied to its window, by products of tiles."""

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


def scratch_bytes(sizes: Local) -> int:
    """Count the memory of a thread's own that the kernel needs."""
    laid = plan(sizes)
    units = laid.tiles * ROWS
    return units * (sizes.kernel_height * laid.span(sizes) * HALF.bytes + INNER * SINGLE.bytes)


def forward_kernel(sizes: Local, target: Target, *, biased: bool) -> Kernel:
    """Write the kernel that takes pairs of planes, weights, biases and codes, and fills the codes.

    The pairs are those of `pairs_kernel`, with both shifts where a window may begin with an odd
    number, and 32 rows of finite numbers behind them: what is beside a window is multiplied
    with zeros. Without `biased` the third may point anywhere. The batch is a multiple of 32.

    The filters of some neighbouring positions are laid into rows of the numbers that all of
    them see, with zeros for what one does not see, once for the whole batch.
    """
    return _Forward(sizes, target, biased=biased).kernel()


class _Forward:
    def __init__(self, sizes: Local, target: Target, *, biased: bool) -> None:
        self.sizes, self.target, self.biased = sizes, target, biased
        self.plan = plan(sizes)
        self.span = self.plan.span(sizes)
        self.module = ir.Module()
        self.groups = Parts(self._group)
        self.blocks = Parts(self._block)

    def kernel(self) -> Kernel:
        """Go through the groups of positions that lie abreast."""
        sizes = self.sizes
        work, emit = begin_tile_function(self.module, "work", [HALVES] * 4 + [INT] * 2)
        *given, begin, end = work.args
        rows = emit.scratch(self._row_numbers, number=HALF)
        sums = emit.scratch(self.plan.tiles * ROWS * INNER)
        emit.fill_with_zeros(rows, self._row_numbers, number=HALF)
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

    @property
    def _row_numbers(self) -> int:
        return self.sizes.kernel_height * self.plan.tiles * ROWS * self.span

    def _group(self, abreast: int) -> ir.Function:
        """Write the codes of the positions abreast, for the whole batch."""
        sizes = self.sizes
        kinds = [*[HALVES] * 5, SINGLES, INT, INT]
        group, emit = begin_tile_function(self.module, f"group_{abreast}", kinds)
        pairs, weight, bias, codes, rows, sums, row, column = group.args
        unit = emit.times(emit.add(emit.times(row, sizes.columns), column), sizes.maps)
        seen = self._seen(emit, pairs, row, column)
        first = 0
        for maps in self.plan.maps:
            own = emit.add(unit, emit.whole(first))
            self._lay_rows(
                emit, emit.at(weight, emit.times(own, sizes.filter)), rows, abreast, maps
            )
            with emit.loop(0, sizes.batch, step=INNER) as some:
                operands = [
                    emit.at(seen, emit.times(some.index, 2)),
                    rows,
                    emit.at(bias, own) if self.biased else bias,
                    emit.at(codes, emit.add(emit.times(own, sizes.batch), some.index)),
                    sums,
                ]
                emit.call(self.blocks(abreast * maps), operands)
            first += maps
        emit.ret_void()
        return group

    def _seen(self, emit: TileEmitter, pairs: Value, row: Value, column: Value) -> Value:
        """Point to the pairs with which the windows of a position begin."""
        sizes = self.sizes
        line = -(-sizes.width * sizes.channels // 2)
        begin = emit.times(column, sizes.shift)
        place = emit.add(emit.times(row, sizes.stride * line), emit.sdiv(begin, emit.whole(2)))
        if sizes.shift % 2:
            odd = emit.srem(begin, emit.whole(2))
            place = emit.add(place, emit.times(odd, sizes.height * line))
        return emit.at(pairs, emit.times(place, 2 * sizes.batch))

    def _lay_rows(
        self, emit: TileEmitter, weight: Value, rows: Value, abreast: int, maps: int
    ) -> None:
        """Lay filters into `(kernel height, units, span)`, each where its window begins."""
        sizes, units = self.sizes, self.plan.tiles * ROWS
        for position in range(abreast):
            with emit.loop(0, maps) as some:
                unit = emit.add(some.index, emit.whole(position * maps))
                filters = emit.at(weight, emit.times(unit, sizes.filter))
                place = emit.add(emit.times(unit, self.span), emit.whole(position * sizes.shift))
                laid = emit.at(rows, place)
                with emit.loop(0, sizes.kernel_height) as inside:
                    emit.copy(
                        emit.at(filters, emit.times(inside.index, sizes.run)),
                        emit.at(laid, emit.times(inside.index, units * self.span)),
                        sizes.run,
                        number=HALF,
                    )

    def _block(self, units: int) -> ir.Function:
        """Write the codes of all units for 32 samples."""
        sizes, tiles = self.sizes, -(-units // ROWS)
        kinds = [*[HALVES] * 4, SINGLES]
        block, emit = begin_tile_function(self.module, f"block_{units}", kinds)
        seen, rows, bias, codes, sums = block.args
        line = -(-sizes.width * sizes.channels // 2) * sizes.batch * 2
        for total in range(2 * tiles):
            emit.zero_tile(total)
        with emit.loop(0, sizes.kernel_height) as inside:
            pairs = emit.at(seen, emit.times(inside.index, line))
            own = emit.at(rows, emit.times(inside.index, self.plan.tiles * ROWS * self.span))
            with emit.loop(0, self.span, step=INNER) as some:
                inputs = emit.at(pairs, emit.times(some.index, sizes.batch))
                for half in (0, 1):
                    emit.load_tile(6 + half, emit.at(inputs, half * INNER), 4 * sizes.batch)
                for tile in range(tiles):
                    place = emit.add(some.index, emit.whole(tile * ROWS * self.span))
                    emit.load_tile(4 + tile, emit.at(own, place), 2 * self.span)
                    for half in (0, 1):
                        emit.multiply_tiles(2 * tile + half, 4 + tile, 6 + half)
        for total in range(2 * tiles):
            tile, half = divmod(total, 2)
            place = emit.at(sums, tile * ROWS * INNER + half * ROWS)
            emit.store_tile(total, place, INNER * SINGLE.bytes)
        self._round(emit, sums, bias, codes, units)
        emit.ret_void()
        return block

    def _round(self, emit: TileEmitter, sums: Value, bias: Value, codes: Value, units: int) -> None:
        """Add the bias to the sums of 32 samples, and store them in bfloat16."""
        with emit.loop(0, units) as unit:
            found = emit.at(sums, emit.times(unit.index, INNER))
            halves = [emit.load_vector(emit.at(found, half * ROWS)) for half in (0, 1)]
            if self.biased:
                own = emit.from_half(emit.at(bias, unit.index))
                halves = [emit.fadd(half, own) for half in halves]
            place = emit.at(codes, emit.times(unit.index, self.sizes.batch))
            emit.store_vector(emit.round_to_half(*halves), place, number=HALF)
