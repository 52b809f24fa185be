"""The adjoint of weighted sums over sliding windows."""

from featlearn.ops.kernels.compiler import Kernel
from featlearn.ops.kernels.emitter import Emitter
from featlearn.ops.kernels.target import Number, Target
from featlearn.ops.kernels.window_sliding import Place, Sliding, SummedRows
from featlearn.ops.kernels.windows import Windows


def spread_kernel(sizes: Windows, number: Number, target: Target) -> Kernel:
    """Write the adjoint: it takes sums and planes, and fills the planes."""
    return _Spread(sizes, number, target).kernel()


class _Spread(Sliding):
    @property
    def rows(self) -> int:
        return self.sizes.height

    @property
    def line(self) -> int:
        return 2 * self._margin + max(self.sizes.columns, self.sizes.width // self.sizes.stride)

    @property
    def _margin(self) -> int:
        """Columns of zeros on each side: as many as there are windows over a column, and more."""
        sizes = self.sizes
        return (sizes.size + sizes.left) // sizes.stride + 2

    def _fill(self, emit: Emitter, place: Place, used: list[int]) -> None:
        sizes, stride = self.sizes, self.sizes.stride
        below = emit.add(place.row, emit.whole(sizes.top))
        # Rounded down, as numbers below zero have to be, and are not by a division.
        reached = emit.larger(emit.sub(below, emit.whole(sizes.size)), emit.whole(-stride))
        first = emit.sdiv(emit.add(reached, emit.whole(stride)), emit.whole(stride))
        last = emit.add(emit.sdiv(below, emit.whole(stride)), emit.whole(1))
        rows = SummedRows(
            first,
            emit.smaller(last, emit.whole(sizes.rows)),
            sizes.columns,
            lambda inside, row: inside.sub(below, inside.times(row, stride)),
            self.row_factors if sizes.mean else None,
        )
        full = [self.number.lanes] * len(used)
        with emit.loop(0, sizes.columns) as column:
            totals = self._add_rows(emit, place.source, column.index, rows, used)
            if sizes.mean:
                factor = self._constant(emit, self.column_factors, column.index)
                totals = [emit.fmul(total, factor) for total in totals]
            inside = emit.times(emit.add(column.index, emit.whole(self._margin)), self.wide)
            self._store(emit, totals, emit.at(place.line, inside), full)
        for phase in range(stride):
            self._fill_phase(emit, place, phase, used)

    def _fill_phase(self, emit: Emitter, place: Place, phase: int, used: list[int]) -> None:
        """Fill the columns that lie alike in the windows over them: every stride-th."""
        sizes, stride = self.sizes, self.sizes.stride
        first = -(-(sizes.left - phase) // stride)
        last = -(-(sizes.width + sizes.left - phase) // stride)
        with emit.loop(first, last) as step:
            middle = emit.times(emit.add(step.index, emit.whole(self._margin)), self.wide)
            terms = [
                (emit.at(place.line, emit.sub(middle, emit.whole(back * self.wide))), weight)
                for back, weight in enumerate(range(phase, sizes.size, stride))
            ]
            column = emit.add(emit.times(step.index, stride), emit.whole(phase - sizes.left))
            found = emit.add(emit.times(place.row, sizes.width), column)
            target = emit.at(place.result, emit.times(found, sizes.planes))
            self._store(emit, self._add_columns(emit, terms)[: len(used)], target, used)
