"""Weighted sums over sliding windows, and their adjoint, on planes that lie abreast."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel, pointer_to
from featlearn.ops.kernels.emitter import INT, Emitter, Parts, Value, begin_function
from featlearn.ops.kernels.target import Number, Target

_ABREAST = 4  # vectors that are treated together, so that a line of memory is used whole


class Windows(NamedTuple):
    """The sizes of a window, and of the planes that it slides over.

    Planes lie in memory as `(height, width, planes)`, and sums as `(rows, columns, planes)`.

    Attributes:
        planes: How many numbers there are at a position.
        height: Rows of the planes.
        width: Columns of the planes.
        rows: Rows of windows.
        columns: Columns of windows.
        stride: Step between windows.
        top: How far the first window hangs over the upper border.
        left: How far it hangs over the left border.
        weights: Of the rows of the window, and of its columns.
    """

    planes: int
    height: int
    width: int
    rows: int
    columns: int
    stride: int
    top: int
    left: int
    weights: tuple[float, ...]

    @property
    def size(self) -> int:
        """Side of the window."""
        return len(self.weights)


def sum_kernel(sizes: Windows, number: Number, target: Target, *, square: bool) -> Kernel:
    """Write the kernel that takes planes and sums, and fills the sums, of squares if `square`.

    For every row of windows, first the rows of the planes are summed, column by column, into a
    line that stays in the nearest cache, and then the columns of that line.
    """
    return _Sum(sizes, number, target, square=square).kernel()


def spread_kernel(sizes: Windows, number: Number, target: Target) -> Kernel:
    """Write the adjoint: it takes sums and planes, and fills the planes."""
    return _Spread(sizes, number, target).kernel()


class _Sliding(ABC):
    """What both directions share: units are pieces of rows of the result, some vectors wide."""

    def __init__(self, sizes: Windows, number: Number, target: Target) -> None:
        self.sizes, self.number, self.target = sizes, number, target
        self.module = ir.Module()
        self.pointer = pointer_to(number)
        self.pieces = Parts(self._piece)
        self.wide = _ABREAST * number.lanes
        kind = ir.ArrayType(number.scalar, sizes.size)
        self.weights = ir.GlobalVariable(self.module, kind, "weights")
        self.weights.global_constant = True
        self.weights.initializer = ir.Constant(kind, list(sizes.weights))  # pyright: ignore[reportAttributeAccessIssue]

    @property
    @abstractmethod
    def rows(self) -> int:
        """Rows of the result."""

    @property
    @abstractmethod
    def line(self) -> int:
        """Columns of the line that is summed, with zeros on both sides."""

    @abstractmethod
    def _fill(self, emit: Emitter, place: "_Place", used: list[int]) -> None:
        """Write what fills one row of the result."""

    def kernel(self) -> Kernel:
        """Go through the pieces, all rows of one before the next."""
        work, emit = begin_function(
            self.module, "work", [self.pointer] * 2 + [INT] * 2, self.number
        )
        source, result, begin, end = work.args
        line: Value = emit.alloca(self.number.scalar, size=emit.whole(self.line * self.wide))
        line.align = self.target.vector_bytes
        whole, rest = divmod(self.sizes.planes, self.wide)
        with emit.loop(begin, end) as unit:
            piece = emit.sdiv(unit.index, emit.whole(self.rows))
            row = emit.srem(unit.index, emit.whole(self.rows))
            first = emit.times(piece, self.wide)
            pointers = [emit.at(source, first), emit.at(result, first), line, row]
            last = emit.icmp_signed("==", piece, emit.whole(whole))
            with emit.if_else(last) as (then, otherwise):
                with then:
                    emit.call(self.pieces(rest or self.wide), pointers)
                with otherwise:
                    emit.call(self.pieces(self.wide), pointers)
        emit.ret_void()
        units = (whole + bool(rest)) * self.rows
        return Kernel(self.module, work, units=units, target=self.target)

    def _piece(self, wide: int) -> ir.Function:
        """Write what fills `wide` numbers at every position of a row."""
        lanes = self.number.lanes
        piece, emit = begin_function(
            self.module, f"piece_{wide}", [self.pointer] * 3 + [INT], self.number
        )
        place = _Place(*piece.args)
        emit.fill_with_zeros(place.line, self.line * self.wide)
        self._fill(emit, place, [min(lanes, wide - first) for first in range(0, wide, lanes)])
        emit.ret_void()
        return piece

    def _load(self, emit: Emitter, pointer: Value, used: list[int]) -> list[Value]:
        lanes = self.number.lanes
        return [
            emit.load_vector(emit.at(pointer, i * lanes), lanes=some) for i, some in enumerate(used)
        ]

    def _store(self, emit: Emitter, values: list[Value], pointer: Value, used: list[int]) -> None:
        lanes = self.number.lanes
        for i, (value, some) in enumerate(zip(values, used, strict=True)):
            emit.store_vector(value, emit.at(pointer, i * lanes), lanes=some)

    def _add_rows(
        self, emit: Emitter, source: Value, column: Value, rows: "_Rows", used: list[int]
    ) -> list[Value]:
        """Sum one column over the rows of a window, or over the windows that hold a row."""
        zeros = [self.number.zeros] * len(used)
        with emit.loop(rows.first, rows.last, values=zeros) as row:
            weight = emit.broadcast(
                emit.gep(self.weights, [emit.whole(0), rows.weight(emit, row.index)])
            )
            place = emit.add(emit.times(row.index, rows.columns), column)
            seen = self._load(emit, emit.at(source, emit.times(place, self.sizes.planes)), used)
            row.carry(
                [
                    emit.multiply_add(self._term(emit, value), weight, total)
                    for value, total in zip(seen, row.values, strict=True)
                ]
            )
        return row.values

    def _term(self, emit: Emitter, value: Value) -> Value:
        """Give what is summed of a number."""
        return value

    def _add_columns(self, emit: Emitter, terms: "list[tuple[Value, int]]") -> list[Value]:
        """Sum places of the line, each with its weight."""
        totals = [self.number.zeros] * _ABREAST
        for pointer, weight in terms:
            values = self._load(emit, pointer, [self.number.lanes] * _ABREAST)
            factor = ir.Constant(
                self.number.vector, [self.sizes.weights[weight]] * self.number.lanes
            )
            totals = [
                emit.multiply_add(value, factor, total)
                for value, total in zip(values, totals, strict=True)
            ]
        return totals


class _Place(NamedTuple):
    """Where a piece reads and writes."""

    source: Value
    result: Value
    line: Value
    row: Value


class _Rows(NamedTuple):
    """Rows of the source that a row of the result is made of.

    Attributes:
        first: The first.
        last: The one after the last.
        columns: How many columns they have.
        weight: Gives the place of the weight of one of them.
    """

    first: Value
    last: Value
    columns: int
    weight: Callable[[Emitter, Value], Value]


class _Sum(_Sliding):
    def __init__(self, sizes: Windows, number: Number, target: Target, *, square: bool) -> None:
        super().__init__(sizes, number, target)
        self.square = square

    @property
    def rows(self) -> int:
        return self.sizes.rows

    @property
    def line(self) -> int:
        sizes = self.sizes
        return max((sizes.columns - 1) * sizes.stride + sizes.size, sizes.left + sizes.width)

    def _term(self, emit: Emitter, value: Value) -> Value:
        return emit.fmul(value, value) if self.square else value

    def _fill(self, emit: Emitter, place: _Place, used: list[int]) -> None:
        sizes = self.sizes
        above = emit.sub(emit.times(place.row, sizes.stride), emit.whole(sizes.top))
        rows = _Rows(
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
            self._store(emit, self._add_columns(emit, terms)[: len(used)], target, used)


class _Spread(_Sliding):
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

    def _fill(self, emit: Emitter, place: _Place, used: list[int]) -> None:
        sizes, stride = self.sizes, self.sizes.stride
        below = emit.add(place.row, emit.whole(sizes.top))
        # Rounded down, as numbers below zero have to be, and are not by a division.
        reached = emit.larger(emit.sub(below, emit.whole(sizes.size)), emit.whole(-stride))
        first = emit.sdiv(emit.add(reached, emit.whole(stride)), emit.whole(stride))
        last = emit.add(emit.sdiv(below, emit.whole(stride)), emit.whole(1))
        rows = _Rows(
            first,
            emit.smaller(last, emit.whole(sizes.rows)),
            sizes.columns,
            lambda inside, row: inside.sub(below, inside.times(row, stride)),
        )
        full = [self.number.lanes] * len(used)
        with emit.loop(0, sizes.columns) as column:
            totals = self._add_rows(emit, place.source, column.index, rows, used)
            inside = emit.times(emit.add(column.index, emit.whole(self._margin)), self.wide)
            self._store(emit, totals, emit.at(place.line, inside), full)
        for phase in range(stride):
            self._fill_phase(emit, place, phase, used)

    def _fill_phase(self, emit: Emitter, place: _Place, phase: int, used: list[int]) -> None:
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
