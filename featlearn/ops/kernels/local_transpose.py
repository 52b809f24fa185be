"""Every code lays its filter down in its window; overlaps are added."""

import itertools
from typing import NamedTuple

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel, pointer_to
from featlearn.ops.kernels.emitter import Emitter, Parts, Value
from featlearn.ops.kernels.geometry import Local, evenly
from featlearn.ops.kernels.reaching import reaching_rows
from featlearn.ops.kernels.target import Number, Target
from featlearn.ops.kernels.widening import HALVES, widen_rows
from featlearn.ops.kernels.writer import Writer

_MOST_SUMS = 2**20  # bytes that stay in the cache of a core

_MOST_LINE = 2**20  # bytes on the stack of a thread

Rows = tuple[Value, Value]
"""The first of some rows, and the one after the last."""


class _Code(NamedTuple):
    """Codes of one unit that stay in a register.

    Attributes:
        value: The vector.
        first: The first input of the unit's window, of those that the units abreast see.
        filter: Where its filter lies, counted from that of the first unit.
    """

    value: Value
    first: int
    filter: int


def fits(sizes: Local, number: Number, target: Target) -> bool:
    """Tell whether a thread can keep the sums of a line of the planes, where it must."""
    if sizes.batch == number.lanes:  # the planes are the sums
        return True
    return sizes.width * sizes.channels * target.vector_bytes <= _MOST_LINE


def transpose_kernel(sizes: Local, number: Number, target: Target, *, half: bool = False) -> Kernel:
    """Write the kernel that takes codes, weights and planes, and fills the planes.

    A thread has rows of the planes for its own, so that no two add to one number. It goes
    through them in bands. Into a band it adds what every row of positions that reaches it lays
    there, for one vector of the batch after the other. The sums of a vector lie together, so
    that those of a window stay in the nearest cache, and are laid out as planes when the band
    is done. The codes of two neighbouring positions stay in registers while their windows,
    which overlap, go by.

    With `half` the weights are in bfloat16, and become what is computed with row by row.
    """
    return _Transpose(sizes, number, target, half=half).kernel()


class _Transpose(Writer[Local]):
    def __init__(self, sizes: Local, number: Number, target: Target, *, half: bool) -> None:
        super().__init__(sizes, number, target)
        self.half = half
        self.padded = number.whole(sizes.run)  # numbers in a row of widened weights
        plain = pointer_to(number)
        # Of codes, weights and planes, and of sums that lie beside them.
        self.kinds = [plain, HALVES if half else plain, plain, plain]
        kept = target.registers // 2
        self.maps = evenly(sizes.maps, kept)
        self.abreast = sizes.abreast(max(self.maps), kept)
        self.line = sizes.width * sizes.channels  # of one vector's sums, in vectors
        self.beside = sizes.batch != number.lanes  # else the planes are the sums
        # The sum of one input is a chain of additions: those of a few are in flight together.
        self.at_once = target.registers // 4
        self.vectors, self.high = self._plan()
        self.bands = Parts(self._band)
        self.strips = Parts(self._strip)

    def _plan(self) -> tuple[int, int]:
        """Choose the vectors of the batch, and the rows of the planes, that are summed together."""
        sizes, lanes = self.sizes, self.number.lanes
        line = self.line * self.target.vector_bytes
        if not self.beside and sizes.kernel_height * line <= _MOST_SUMS:
            return 1, sizes.height
        vectors = min(-(-sizes.batch // lanes), max(1, _MOST_SUMS // line))
        # They go by once for each vector, and should come from the cache then, too.
        filters = sizes.columns * sizes.maps * sizes.run * self.number.bytes
        most = _MOST_SUMS // (vectors * line + (filters if vectors > 1 else 0))
        return vectors, max(1, min(most, sizes.height))

    def kernel(self) -> Kernel:
        """Go through the batch as many vectors at a time as are summed together."""
        sizes, lanes = self.sizes, self.number.lanes
        work, emit = self.begin("work", pointers=self.kinds[:3], integers=2)
        codes, weight, x, begin, end = work.args
        wide = self.vectors * lanes
        sums = emit.scratch(self.high * self.line * wide) if self.beside else x
        whole = sizes.batch // wide * wide
        if whole:
            with emit.loop(0, whole, step=wide) as some:
                self._fill(emit, [codes, weight, x, sums], (begin, end), some.index, wide)
        if whole < sizes.batch:
            rest = sizes.batch - whole
            self._fill(emit, [codes, weight, x, sums], (begin, end), emit.whole(whole), rest)
        emit.ret_void()
        return self.compiled(work, units=sizes.height)

    def _fill(
        self, emit: Emitter, operands: list[Value], rows: Rows, first: Value, samples: int
    ) -> None:
        """Fill rows of the planes for some samples, band by band."""
        codes, weight, x, sums = operands
        given = [emit.at(codes, first), weight, emit.at(x, first)]
        with emit.loop(*rows, step=self.high) as row:
            last = emit.smaller(emit.add(row.index, emit.whole(self.high)), rows[1])
            own = sums if self.beside else self._row_of(emit, x, row.index)
            emit.call(self.bands(samples), [*given, own, row.index, last])

    def _row_of(self, emit: Emitter, x: Value, row: Value) -> Value:
        return emit.at(x, emit.times(row, self.line * self.sizes.batch))

    def _band(self, samples: int) -> ir.Function:
        """Write what fills some rows of the planes for some samples."""
        sizes, lanes = self.sizes, self.number.lanes
        band, emit = self.begin(f"band_{samples}", pointers=self.kinds, integers=2)
        codes, weight, x, sums, begin, end = band.args
        vectors, line = -(-samples // lanes), self.line * lanes
        rows = emit.sub(end, begin)
        taken = vectors * self.high * line if self.beside else emit.times(rows, line)
        emit.fill_with_zeros(sums, taken)
        first, _ = reaching_rows(emit, sizes, begin)
        _, last = reaching_rows(emit, sizes, emit.sub(end, emit.whole(1)))
        with emit.loop(first, last) as position:
            above = emit.sub(begin, emit.times(position.index, sizes.stride))
            inside = (
                emit.larger(above, emit.whole(0)),
                emit.smaller(emit.add(above, rows), emit.whole(sizes.kernel_height)),
            )
            unit = emit.times(position.index, sizes.columns * sizes.maps)
            pointers = [
                emit.at(codes, emit.times(unit, sizes.batch)),
                emit.at(weight, emit.times(unit, sizes.filter)),
                emit.at(sums, emit.sub(emit.whole(0), emit.times(above, line))),
            ]
            self._add_row(emit, pointers, inside, samples)
        if self.beside:
            self._lay_out(emit, sums, self._row_of(emit, x, begin), rows, samples)
        emit.ret_void()
        return band

    def _add_row(self, emit: Emitter, pointers: list[Value], inside: Rows, samples: int) -> None:
        """Add what one row of positions lays into the band, for one vector after the other."""
        codes, weight, sums = pointers
        whole, rest = divmod(samples, self.number.lanes)
        each = self.high * self.line * self.number.lanes
        if whole:
            with emit.loop(0, whole) as some:
                own = [
                    emit.at(codes, emit.times(some.index, self.number.lanes)),
                    weight,
                    emit.at(sums, emit.times(some.index, each)),
                ]
                self._add_lanes(emit, own, inside, self.number.lanes)
        if rest:
            own = [emit.at(codes, whole * self.number.lanes), weight, emit.at(sums, whole * each)]
            self._add_lanes(emit, own, inside, rest)

    def _add_lanes(self, emit: Emitter, pointers: list[Value], inside: Rows, lanes: int) -> None:
        """Do so for one vector of the batch."""
        sizes = self.sizes
        paired = sizes.columns // self.abreast * self.abreast
        first = 0
        for maps in self.maps:
            with emit.loop(0, paired, step=self.abreast) as column:
                own = self._at_column(emit, pointers, column.index, first)
                emit.call(self.strips(self.abreast, maps, lanes), [*own, *inside])
            if paired < sizes.columns:
                own = self._at_column(emit, pointers, emit.whole(paired), first)
                emit.call(self.strips(1, maps, lanes), [*own, *inside])
            first += maps

    def _at_column(
        self, emit: Emitter, pointers: list[Value], column: Value, first: int
    ) -> list[Value]:
        """Point to the codes, the filters and the window of a position."""
        sizes, (codes, weight, sums) = self.sizes, pointers
        unit = emit.add(emit.times(column, sizes.maps), emit.whole(first))
        return [
            emit.at(codes, emit.times(unit, sizes.batch)),
            emit.at(weight, emit.times(unit, sizes.filter)),
            emit.at(sums, emit.times(column, sizes.shift * self.number.lanes)),
        ]

    def _lay_out(
        self, emit: Emitter, sums: Value, planes: Value, rows: Value, samples: int
    ) -> None:
        """Lay sums out as rows of the planes."""
        lanes, batch = self.number.lanes, self.sizes.batch
        each = self.high * self.line * lanes
        with emit.loop(0, emit.times(rows, self.line)) as place:
            own = emit.at(sums, emit.times(place.index, lanes))
            target = emit.at(planes, emit.times(place.index, batch))
            for vector, begin in enumerate(range(0, samples, lanes)):
                total = emit.load_vector(emit.at(own, vector * each))
                emit.store_vector(total, emit.at(target, begin), lanes=min(lanes, samples - begin))

    def _strip(self, abreast: int, maps: int, lanes: int) -> ir.Function:
        """Write the addition of some rows of the filters of positions abreast."""
        sizes = self.sizes
        strip, emit = self.begin(
            f"strip_{abreast}_{maps}_{lanes}", pointers=self.kinds[:3], integers=2
        )
        codes, weight, sums, begin, end = strip.args
        units = [place * sizes.maps + unit for place in range(abreast) for unit in range(maps)]
        widened = emit.scratch(len(units) * self.padded) if self.half else None
        kept = [
            _Code(
                emit.load_vector(emit.at(codes, unit * sizes.batch), lanes=lanes),
                unit // sizes.maps * sizes.shift,
                unit * sizes.filter if widened is None else i * self.padded,
            )
            for i, unit in enumerate(units)
        ]
        with emit.loop(begin, end) as row:
            filters = emit.at(weight, emit.times(row.index, sizes.run))
            own = emit.at(sums, emit.times(row.index, self.line * self.number.lanes))
            if sizes.batch <= self.number.lanes:  # of the next: here each weight is read once
                for unit in units:
                    ahead = (abreast * sizes.maps + unit) * sizes.filter
                    emit.prefetch(emit.at(filters, ahead), sizes.run)
            if widened is not None:
                places = [unit * sizes.filter for unit in units]
                widen_rows(emit, filters, places, widened, sizes.run)
                filters = widened
            self._add_windows(emit, kept, filters, own)
        emit.ret_void()
        return strip

    def _add_windows(self, emit: Emitter, kept: list[_Code], weight: Value, sums: Value) -> None:
        """Add one row of the filters."""
        run = self.sizes.run
        ends = {end for code in kept for end in (code.first, code.first + run)}
        for begin, end in itertools.pairwise(sorted(ends)):
            reaching = [code for code in kept if code.first <= begin and end <= code.first + run]
            if reaching:
                self._add_run(emit, reaching, weight, sums, (begin, end))

    def _add_run(
        self, emit: Emitter, kept: list[_Code], weight: Value, sums: Value, run: tuple[int, int]
    ) -> None:
        """Add to the inputs from `run[0]` until before `run[1]` what these codes lay there."""
        begin, end = run
        whole = begin + (end - begin) // self.at_once * self.at_once
        if whole > begin:
            with emit.loop(begin, whole, step=self.at_once) as place:
                self._add_some(emit, kept, weight, sums, (place.index, self.at_once))
        if whole < end:
            self._add_some(emit, kept, weight, sums, (emit.whole(whole), end - whole))

    def _add_some(
        self,
        emit: Emitter,
        kept: list[_Code],
        weight: Value,
        sums: Value,
        some: tuple[Value, int],
    ) -> None:
        """Add to some inputs, from a place on so many, whose sums are in flight together."""
        lanes, (place, count) = self.number.lanes, some
        target = emit.at(sums, emit.times(place, lanes))
        targets = [emit.at(target, i * lanes) for i in range(count)]
        totals = [emit.load_vector(one) for one in targets]
        filters = emit.at(weight, place)
        for code in kept:
            for i in range(count):
                w = emit.broadcast(emit.at(filters, code.filter - code.first + i))
                totals[i] = emit.multiply_add(code.value, w, totals[i])
        for total, one in zip(totals, targets, strict=True):
            emit.store_vector(total, one)
