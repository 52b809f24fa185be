"""Every code lays its filter down in its window, by products of tiles."""

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel
from featlearn.ops.kernels.emitter import INT, Value
from featlearn.ops.kernels.geometry import Local
from featlearn.ops.kernels.reaching import reaching_rows
from featlearn.ops.kernels.target import Target
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
    """Count the numbers in a row of the turned codes."""
    return -(-sizes.columns * sizes.maps // INNER) * INNER


def scratch_bytes(sizes: Local) -> int:
    """Count the memory of a thread's own that the kernel needs."""
    return _laid_numbers(sizes) * HALF.bytes + 2 * INNER * INNER * SINGLE.bytes


def transpose_kernel(sizes: Local, target: Target) -> Kernel:
    """Write the kernel that takes turned codes, weights and planes, and fills the planes.

    The codes are those of `turned_numbers_kernel`, padded to `padded_length`, with 32 finite
    numbers behind them: what lies beside the codes that reach a number is multiplied with
    zeros. The batch is a multiple of 32, and the number of maps is even.

    A thread has 32 neighbouring numbers of the planes at a time for its own. Whatever part of
    a filter reaches them is laid beside that of the next map, once for the whole batch; then
    the sum over all codes that reach them is one chain of products, so that no two add to one
    number in memory.
    """
    return _Transpose(sizes, target).kernel()


class _Transpose:
    def __init__(self, sizes: Local, target: Target) -> None:
        self.sizes, self.target = sizes, target
        self.padded = padded_length(sizes)
        self.step = _most_codes(sizes) * INNER  # laid numbers for a row of positions
        self.module = ir.Module()

    def kernel(self) -> Kernel:
        """Go through the planes, 32 numbers of a line after the other."""
        sizes = self.sizes
        length = sizes.width * sizes.channels
        blocks = -(-length // INNER)
        work, emit = begin_tile_function(self.module, "work", [HALVES] * 3 + [INT] * 2)
        codes, weight, x, begin, end = work.args
        laid = emit.scratch(_laid_numbers(sizes), number=HALF)
        sums, turned = (emit.scratch(INNER * INNER) for _ in range(2))
        emit.begin_tiles()
        lay, block = self._lay(), self._block()
        with emit.loop(begin, end) as unit:
            row = emit.sdiv(unit.index, emit.whole(blocks))
            first = emit.times(emit.srem(unit.index, emit.whole(blocks)), INNER)
            rows = reaching_rows(emit, sizes, row)
            columns = self._reaching_columns(emit, first)
            emit.call(lay, [weight, laid, row, first, *rows, *columns])
            place = emit.add(emit.times(row, length), first)
            kept = emit.smaller(emit.sub(emit.whole(length), first), emit.whole(INNER))
            with emit.loop(0, sizes.batch, step=INNER) as some:
                line = emit.add(emit.times(rows[0], sizes.batch), some.index)
                own = emit.add(emit.times(line, self.padded), emit.times(columns[0], sizes.maps))
                target = emit.add(emit.times(place, sizes.batch), some.index)
                operands = [emit.at(codes, own), laid, emit.at(x, target), sums, turned]
                emit.call(
                    block,
                    [*operands, emit.sub(rows[1], rows[0]), self._codes(emit, columns), kept],
                )
        emit.end_tiles()
        emit.ret_void()
        return Kernel(self.module, work, units=sizes.height * blocks, target=self.target)

    def _reaching_columns(self, emit: TileEmitter, first: Value) -> tuple[Value, Value]:
        """Find the first column that reaches 32 numbers, and the one after the last."""
        sizes = self.sizes
        beyond = emit.larger(emit.add(first, emit.whole(1 - sizes.run)), emit.whole(0))
        begin = emit.sdiv(emit.add(beyond, emit.whole(sizes.shift - 1)), emit.whole(sizes.shift))
        last = emit.sdiv(emit.add(first, emit.whole(INNER - 1)), emit.whole(sizes.shift))
        end = emit.smaller(emit.add(last, emit.whole(1)), emit.whole(sizes.columns))
        return begin, emit.larger(end, begin)

    def _codes(self, emit: TileEmitter, columns: tuple[Value, Value]) -> Value:
        """Count the codes of some columns, rounded up to what a product sums over."""
        count = emit.times(emit.sub(columns[1], columns[0]), self.sizes.maps)
        steps = emit.sdiv(emit.add(count, emit.whole(INNER - 1)), emit.whole(INNER))
        return emit.times(steps, INNER)

    def _lay(self) -> ir.Function:
        """Write how the parts of the filters that reach 32 numbers are laid, in pairs of maps.

        They fill `(rows of positions, pairs of codes, 32 numbers, 2)`.
        """
        sizes = self.sizes
        kinds = [HALVES, HALVES, *[INT] * 6]
        lay, emit = begin_tile_function(self.module, "lay", kinds)
        weight, laid, row, first, top, bottom, left, right = lay.args
        count = emit.times(emit.sub(right, left), sizes.maps)
        with emit.loop(top, bottom) as position:
            inside = emit.sub(row, emit.times(position.index, sizes.stride))
            target = emit.at(laid, emit.times(emit.sub(position.index, top), self.step))
            with emit.loop(left, right) as column:
                unit = emit.times(
                    emit.add(emit.times(position.index, sizes.columns), column.index), sizes.maps
                )
                begin = emit.sub(first, emit.times(column.index, sizes.shift))
                reached = emit.within(begin, sizes.run)
                place = emit.add(
                    emit.times(unit, sizes.filter),
                    emit.add(emit.times(inside, sizes.run), begin),
                )
                filters = emit.at(weight, place)
                own = emit.times(emit.sub(column.index, left), sizes.maps)
                with emit.loop(0, sizes.maps, step=2) as some:
                    both = [
                        emit.load_half(
                            emit.at(
                                filters,
                                emit.times(emit.add(some.index, emit.whole(i)), sizes.filter),
                            ),
                            lanes=reached,
                        )
                        for i in (0, 1)
                    ]
                    code = emit.add(own, some.index)
                    for half, part in enumerate(emit.interleave(*both)):
                        at = emit.add(emit.times(code, INNER), emit.whole(half * INNER))
                        emit.store_vector(part, emit.at(target, at), number=HALF)
            with emit.loop(count, self._codes(emit, (left, right)), step=2) as code:
                for half in (0, 1):
                    at = emit.add(emit.times(code.index, INNER), emit.whole(half * INNER))
                    emit.store_vector(HALF.zeros, emit.at(target, at), number=HALF)
        emit.ret_void()
        return lay

    def _block(self) -> ir.Function:
        """Write the sums of 32 numbers of the planes for 32 samples."""
        sizes = self.sizes
        kinds = [*[HALVES] * 3, SINGLES, SINGLES, INT, INT, INT]
        block, emit = begin_tile_function(self.module, "block", kinds)
        codes, laid, x, sums, turned, rows, count, kept = block.args
        emit.begin_sums(2)
        with emit.loop(0, rows) as row:
            own = emit.at(codes, emit.times(row.index, sizes.batch * self.padded))
            filters = emit.at(laid, emit.times(row.index, self.step))
            with emit.loop(0, count, step=INNER) as some:
                given = emit.at(own, some.index)
                emit.add_products(
                    [given, emit.at(given, ROWS * self.padded)],
                    self.padded,
                    emit.at(filters, emit.times(some.index, INNER)),
                    2 * INNER,
                )
        emit.store_sums(2, sums, INNER)
        self._turn(emit, sums, turned)
        with emit.loop(0, kept) as number:
            found = emit.at(turned, emit.times(number.index, INNER))
            halves = [emit.load_vector(emit.at(found, half * ROWS)) for half in (0, 1)]
            place = emit.at(x, emit.times(number.index, sizes.batch))
            emit.store_vector(emit.round_to_half(*halves), place, number=HALF)
        emit.ret_void()
        return block

    def _turn(self, emit: TileEmitter, sums: Value, turned: Value) -> None:
        """Turn 32 samples of 32 sums to 32 numbers of 32 samples."""
        for tile in (0, 1):
            for half in (0, 1):
                rows = [
                    emit.load_vector(emit.at(sums, (tile * ROWS + i) * INNER + half * ROWS))
                    for i in range(ROWS)
                ]
                for i, row in enumerate(emit.transpose(rows)):
                    emit.store_vector(row, emit.at(turned, (half * ROWS + i) * INNER + tile * ROWS))


def _most_codes(sizes: Local) -> int:
    """Count the codes of a row that can reach 32 numbers, rounded up to what a product sums."""
    columns = min((sizes.run + INNER - 2) // sizes.shift + 1, sizes.columns)
    return -(-columns * sizes.maps // INNER) * INNER


def _laid_numbers(sizes: Local) -> int:
    """Count the numbers of all filters that can reach 32 numbers of the planes."""
    rows = min(-(-sizes.kernel_height // sizes.stride), sizes.rows)
    return rows * _most_codes(sizes) * INNER
