"""What weighted sums over sliding windows and their adjoint share, on planes that lie abreast."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel
from featlearn.ops.kernels.emitter import Emitter, Parts, Value
from featlearn.ops.kernels.target import Number, Target
from featlearn.ops.kernels.windows import Windows
from featlearn.ops.kernels.writer import Writer

_ABREAST = 4  # vectors that are treated together, so that a line of memory is used whole


class Sliding(Writer[Windows], ABC):
    """What both directions share: units are pieces of rows of the result, some vectors wide."""

    def __init__(self, sizes: Windows, number: Number, target: Target) -> None:
        """Take what to write the kernel for."""
        super().__init__(sizes, number, target)
        self.pieces = Parts(self._piece)
        self.wide = _ABREAST * number.lanes
        self.weights = self._constants("weights", list(sizes.weights))
        if sizes.mean:
            self.row_factors = self._constants("row_factors", sizes.row_factors)
            self.column_factors = self._constants("column_factors", sizes.column_factors)

    def _constants(self, name: str, numbers: list[float]) -> Value:
        """Keep numbers in the module."""
        kind = ir.ArrayType(self.number.scalar, len(numbers))
        kept: Any = ir.GlobalVariable(self.module, kind, name)
        kept.global_constant = True
        kept.initializer = ir.Constant(kind, numbers)
        return kept

    def _constant(self, emit: Emitter, numbers: Value, place: Value) -> Value:
        """Load one of them into every lane."""
        return emit.broadcast(emit.gep(numbers, [emit.whole(0), place]))

    @property
    @abstractmethod
    def rows(self) -> int:
        """Rows of the result."""

    @property
    @abstractmethod
    def line(self) -> int:
        """Columns of the line that is summed, with zeros on both sides."""

    @abstractmethod
    def _fill(self, emit: Emitter, place: "Place", used: list[int]) -> None:
        """Write what fills one row of the result."""

    def kernel(self) -> Kernel:
        """Go through the pieces, all rows of one before the next."""
        work, emit = self.begin("work", pointers=2, integers=2)
        source, result, begin, end = work.args
        line = emit.scratch(self.line * self.wide)
        whole, rest = divmod(self.sizes.planes, self.wide)
        with emit.loop(begin, end) as unit:
            piece, row = emit.divided(unit.index, self.rows)
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
        return self.compiled(work, units=units)

    def _piece(self, wide: int) -> ir.Function:
        """Write what fills `wide` numbers at every position of a row."""
        lanes = self.number.lanes
        piece, emit = self.begin(f"piece_{wide}", pointers=3, integers=1)
        place = Place(*piece.args)
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
        self, emit: Emitter, source: Value, column: Value, rows: "SummedRows", used: list[int]
    ) -> list[Value]:
        """Sum one column over the rows of a window, or over the windows that hold a row."""
        zeros = [self.number.zeros] * len(used)
        with emit.loop(rows.first, rows.last, values=zeros) as row:
            weight = self._constant(emit, self.weights, rows.weight(emit, row.index))
            if rows.factors is not None:
                weight = emit.fmul(weight, self._constant(emit, rows.factors, row.index))
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


class Place(NamedTuple):
    """Where a piece reads and writes."""

    source: Value
    result: Value
    line: Value
    row: Value


class SummedRows(NamedTuple):
    """Rows of the source that a row of the result is made of.

    Attributes:
        first: The first.
        last: The one after the last.
        columns: How many columns they have.
        weight: Gives the place of the weight of one of them.
        factors: By what each of them is multiplied besides.
    """

    first: Value
    last: Value
    columns: int
    weight: Callable[[Emitter, Value], Value]
    factors: Value | None = None
