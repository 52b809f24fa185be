"""Every position's filters applied to its window, by products of tiles."""

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


def scratch_bytes(sizes: Local) -> int:
    """Count the memory of a thread's own that the kernel needs."""
    laid = plan(sizes)
    units = laid.tiles * ROWS
    return units * (sizes.kernel_height * laid.span(sizes) * HALF.bytes + INNER * SINGLE.bytes)


def pairs_behind(sizes: Local) -> int:
    """Count the pairs behind those of the planes that the last group of positions reads."""
    laid = plan(sizes)
    last = (sizes.columns - 1) // laid.abreast * laid.abreast
    beyond = last * sizes.shift + laid.span(sizes) - sizes.width * sizes.channels
    return max(beyond, 0) // 2 + 1


def forward_kernel(sizes: Local, target: Target, *, biased: bool) -> Kernel:
    """Write the kernel that takes pairs of planes, weights, biases and codes, and fills the codes.

    The pairs are those of `pairs_kernel`, with both shifts where a window may begin with an odd
    number, and as many finite ones behind them as `pairs_behind` says: what is beside a window
    is multiplied with zeros. Without `biased` the third may point anywhere. The batch is a
    multiple of 32.

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
        units = self.plan.tiles * ROWS
        return groups_kernel(
            self.module,
            self.sizes,
            self.target,
            abreast=self.plan.abreast,
            operands=4,
            scratch=(self.sizes.kernel_height * units * self.span, units * INNER),
            groups=self.groups,
        )

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
        emit.begin_sums(tiles)
        with emit.loop(0, sizes.kernel_height) as inside:
            pairs = emit.at(seen, emit.times(inside.index, line))
            own = emit.at(rows, emit.times(inside.index, self.plan.tiles * ROWS * self.span))
            with emit.loop(0, self.span, step=INNER) as some:
                filters = emit.at(own, some.index)
                emit.add_products(
                    [emit.at(filters, tile * ROWS * self.span) for tile in range(tiles)],
                    self.span,
                    emit.at(pairs, emit.times(some.index, sizes.batch)),
                    2 * sizes.batch,
                )
        emit.store_sums(tiles, sums, INNER)
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
