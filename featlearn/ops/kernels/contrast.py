"""Division by the local deviation, and the derivative of that."""

from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel, pointer_to
from featlearn.ops.kernels.emitter import INT, Emitter, Value, begin_function
from featlearn.ops.kernels.target import Number, Target


class Contrast(NamedTuple):
    """Sizes of responses, `(rows, columns, maps, batch)`, and of their deviations.

    Attributes:
        rows: Rows of positions.
        columns: Columns of positions.
        maps: Responses at a position.
        batch: Samples.
        shared: Whether the maps at a position share one deviation.
    """

    rows: int
    columns: int
    maps: int
    batch: int
    shared: bool

    @property
    def line(self) -> int:
        """Responses in a row of positions, of all samples."""
        return self.columns * self.maps * self.batch

    @property
    def deviations(self) -> int:
        """Deviations in it."""
        return self.line // self.maps if self.shared else self.line


def quotient_kernel(sizes: Contrast, number: Number, target: Target) -> Kernel:
    """Write the kernel that takes responses, deviations, least divisors and quotients.

    It fills the quotients, by the larger one of the deviation and of the sample's least divisor.
    """
    module, pointer = ir.Module(), pointer_to(number)
    work, emit = begin_function(module, "work", [pointer] * 4 + [INT] * 2, number)
    v, s, least, y, begin, end = work.args
    with emit.loop(begin, end) as row:
        responses = emit.times(row.index, sizes.line)
        v, y = emit.at(v, responses), emit.at(y, responses)
        s = emit.at(s, emit.times(row.index, sizes.deviations))

        def divide(place: _Place) -> None:
            one = emit.load_vector(emit.at(v, place.response), lanes=place.lanes)
            divisor, _ = _divisor(emit, s, least, place)
            emit.store_vector(
                emit.fdiv(one, divisor), emit.at(y, place.response), lanes=place.lanes
            )

        _everywhere(emit, sizes, divide)
    emit.ret_void()
    return Kernel(module, work, units=sizes.rows, target=target)


def slopes_kernel(sizes: Contrast, number: Number, target: Target) -> Kernel:
    """Write the derivative of the quotients.

    It takes the slopes of the quotients, the quotients, deviations and least divisors, and
    fills the slopes of the responses, of the deviations, and of the least divisors: of these
    `(rows, batch)`, to be summed over the rows.
    """
    module, pointer = ir.Module(), pointer_to(number)
    work, emit = begin_function(module, "work", [pointer] * 7 + [INT] * 2, number)
    *pointers, begin, end = work.args
    with emit.loop(begin, end) as row:
        steps = [sizes.line, sizes.line, sizes.deviations, 0, sizes.line, sizes.deviations]
        slope, y, s, least, of_v, of_s, of_least = (
            emit.at(pointer, emit.times(row.index, step))
            for pointer, step in zip(pointers, [*steps, sizes.batch], strict=True)
        )
        emit.fill_with_zeros(of_least, sizes.batch)
        if sizes.shared:
            emit.fill_with_zeros(of_s, sizes.deviations)

        def derive(place: _Place) -> None:
            given, quotient = (
                emit.load_vector(emit.at(pointer, place.response), lanes=place.lanes)
                for pointer in (slope, y)
            )
            divisor, above = _divisor(emit, s, least, place)
            own = emit.fdiv(given, divisor)
            emit.store_vector(own, emit.at(of_v, place.response), lanes=place.lanes)
            taken = emit.fmul(own, quotient)
            none = number.zeros
            for pointer, part, added in (
                (emit.at(of_s, place.deviation), emit.select(above, taken, none), sizes.shared),
                (emit.at(of_least, place.sample), emit.select(above, none, taken), True),
            ):
                before = emit.load_vector(pointer, lanes=place.lanes) if added else none
                emit.store_vector(emit.fsub(before, part), pointer, lanes=place.lanes)

        _everywhere(emit, sizes, derive)
    emit.ret_void()
    return Kernel(module, work, units=sizes.rows, target=target)


class _Place(NamedTuple):
    """Where a vector of responses lies in its row, and its deviations, and its samples."""

    response: Value
    deviation: Value
    sample: Value
    lanes: int


def _everywhere(emit: Emitter, sizes: Contrast, write: Callable[[_Place], None]) -> None:
    """Go through a row of positions."""
    lanes = emit.number.lanes
    whole, rest = divmod(sizes.batch, lanes)
    with emit.loop(0, sizes.columns) as column, emit.loop(0, sizes.maps) as unit:
        response = emit.add(emit.times(column.index, sizes.maps), unit.index)
        first = emit.times(response, sizes.batch)
        other = emit.times(column.index if sizes.shared else response, sizes.batch)
        with emit.loop(0, whole * lanes, step=lanes) as some:
            sample = some.index
            write(_Place(emit.add(first, sample), emit.add(other, sample), sample, lanes))
        if rest:
            sample = emit.whole(whole * lanes)
            write(_Place(emit.add(first, sample), emit.add(other, sample), sample, rest))


def _divisor(emit: Emitter, s: Value, least: Value, place: _Place) -> tuple[Value, Value]:
    """Choose the deviation or the least divisor, and tell where it is the deviation."""
    deviation = emit.load_vector(emit.at(s, place.deviation), lanes=place.lanes)
    bound = emit.load_vector(emit.at(least, place.sample), lanes=place.lanes)
    above = emit.fcmp_ordered(">", deviation, bound)
    return emit.select(above, deviation, bound), above
