"""Weighted sums over sliding windows."""

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel
from featlearn.ops.kernels.emitter import Emitter, Value
from featlearn.ops.kernels.target import Number, Target
from featlearn.ops.kernels.window_sliding import Place, Sliding, SummedRows
from featlearn.ops.kernels.windows import Windows


def sum_kernel(
    sizes: Windows,
    number: Number,
    target: Target,
    *,
    square: bool = False,
    root: float | None = None,
) -> Kernel:
    """Write the kernel that takes planes and sums, and fills the sums, of squares if `square`.

    With `root` they are roots of the sums and of this number.

    For every row of windows, first the rows of the planes are summed, column by column, into a
    line that stays in the nearest cache, and then the columns of that line.
    """
    return _Sum(sizes, number, target, square=square, root=root).kernel()


class _Sum(Sliding):
    def __init__(
        self,
        sizes: Windows,
        number: Number,
        target: Target,
        *,
        square: bool,
        root: float | None,
    ) -> None:
        super().__init__(sizes, number, target)
        self.square, self.root = square, root

    @property
    def rows(self) -> int:
        return self.sizes.rows

    @property
    def line(self) -> int:
        sizes = self.sizes
        return max((sizes.columns - 1) * sizes.stride + sizes.size, sizes.left + sizes.width)

    def _term(self, emit: Emitter, value: Value) -> Value:
        return emit.fmul(value, value) if self.square else value

    def _fill(self, emit: Emitter, place: Place, used: list[int]) -> None:
        sizes = self.sizes
        above = emit.sub(emit.times(place.row, sizes.stride), emit.whole(sizes.top))
        rows = SummedRows(
            emit.larger(above, emit.whole(0)),
            emit.smaller(emit.add(above, emit.whole(sizes.size)), emit.whole(sizes.height)),
            sizes.width,
            lambda inside, row: inside.sub(row, above),
        )
        full = [self.number.lanes] * len(used)
        with emit.loop(0, sizes.width) as column:
            totals = self._add_rows(emit, place.source, column.index, rows, used)
            inside = emit.times(emit.add(column.index, emit.whole(sizes.left)), self.wide)
            self._store(emit, totals, emit.at(place.line, inside), full)
        with emit.loop(0, sizes.columns) as column:
            first = emit.at(place.line, emit.times(column.index, sizes.stride * self.wide))
            terms = [(emit.at(first, v * self.wide), v) for v in range(sizes.size)]
            found = emit.add(emit.times(place.row, sizes.columns), column.index)
            target = emit.at(place.result, emit.times(found, sizes.planes))
            totals = self._add_columns(emit, terms)[: len(used)]
            self._store(emit, self._finished(emit, totals, place.row, column.index), target, used)

    def _finished(
        self, emit: Emitter, totals: list[Value], row: Value, column: Value
    ) -> list[Value]:
        """Make means of sums, and roots of these."""
        if self.sizes.mean:
            factor = emit.fmul(
                self._constant(emit, self.row_factors, row),
                self._constant(emit, self.column_factors, column),
            )
            totals = [emit.fmul(total, factor) for total in totals]
        if self.root is None:
            return totals
        least = ir.Constant(self.number.vector, [self.root] * self.number.lanes)
        return [emit.root(emit.fadd(total, least)) for total in totals]
