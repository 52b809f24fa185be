"""Every code lays its filter down in its window; overlaps are added."""

import itertools

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel, pointer_to
from featlearn.ops.kernels.emitter import INT, Emitter, Parts, Value, begin_function
from featlearn.ops.kernels.geometry import Local, evenly
from featlearn.ops.kernels.reaching import reaching_rows
from featlearn.ops.kernels.target import Number, Target

_AT_ONCE = 4  # inputs whose sums are in flight together: one sum is a chain of additions


def transpose_kernel(sizes: Local, number: Number, target: Target) -> Kernel:
    """Write the kernel that takes codes, weights and planes, and fills the planes.

    A thread has rows of the planes for its own, so that no two add to one number. Into a row
    it adds what every row of positions that reaches it lays there, for one vector of the batch
    after the other, so that the row stays in the nearest cache. The codes of two neighbouring
    positions stay in registers while their windows, which overlap, go by.
    """
    return _Transpose(sizes, number, target).kernel()


class _Transpose:
    def __init__(self, sizes: Local, number: Number, target: Target) -> None:
        self.sizes, self.number, self.target = sizes, number, target
        self.module = ir.Module()
        self.pointer = pointer_to(number)
        kept = target.registers // 2
        self.maps = evenly(sizes.maps, kept)
        overlapping = sizes.shift < sizes.run and sizes.columns > 1
        self.abreast = 2 if overlapping and 2 * max(self.maps) <= kept else 1
        self.strips = Parts(self._strip)

    def kernel(self) -> Kernel:
        """Go through the rows of the planes."""
        sizes = self.sizes
        work, emit = begin_function(
            self.module, "work", [self.pointer] * 3 + [INT] * 2, self.number
        )
        codes, weight, x, begin, end = work.args
        line = sizes.width * sizes.channels * sizes.batch
        with emit.loop(begin, end) as row:
            planes = emit.at(x, emit.times(row.index, line))
            emit.fill_with_zeros(planes, line)
            first, last = reaching_rows(emit, sizes, row.index)
            with emit.loop(first, last) as position:
                inside = emit.sub(row.index, emit.times(position.index, sizes.stride))
                unit = emit.times(position.index, sizes.columns * sizes.maps)
                filters = emit.add(emit.times(unit, sizes.filter), emit.times(inside, sizes.run))
                self._add_row(
                    emit,
                    emit.at(codes, emit.times(unit, sizes.batch)),
                    emit.at(weight, filters),
                    planes,
                )
        emit.ret_void()
        return Kernel(self.module, work, units=sizes.height, target=self.target)

    def _add_row(self, emit: Emitter, codes: Value, weight: Value, planes: Value) -> None:
        """Add what one row of positions lays into one row of the planes."""
        sizes, lanes = self.sizes, self.number.lanes
        whole, rest = divmod(sizes.batch, lanes)
        if whole:
            with emit.loop(0, whole * lanes, step=lanes) as some:
                pointers = emit.at(codes, some.index), weight, emit.at(planes, some.index)
                self._add_lanes(emit, *pointers, lanes)
        if rest:
            begin = whole * lanes
            self._add_lanes(emit, emit.at(codes, begin), weight, emit.at(planes, begin), rest)

    def _add_lanes(
        self, emit: Emitter, codes: Value, weight: Value, planes: Value, lanes: int
    ) -> None:
        """Do so for one vector of the batch."""
        sizes = self.sizes
        paired = sizes.columns // self.abreast * self.abreast
        first = 0
        for maps in self.maps:
            strip = self.strips(self.abreast, maps, lanes)
            with emit.loop(0, paired, step=self.abreast) as column:
                unit = emit.add(emit.times(column.index, sizes.maps), emit.whole(first))
                pointers = [
                    emit.at(codes, emit.times(unit, sizes.batch)),
                    emit.at(weight, emit.times(unit, sizes.filter)),
                    emit.at(planes, emit.times(column.index, sizes.shift * sizes.batch)),
                ]
                emit.call(strip, pointers)
            if paired < sizes.columns:
                unit = paired * sizes.maps + first
                pointers = [
                    emit.at(codes, unit * sizes.batch),
                    emit.at(weight, unit * sizes.filter),
                    emit.at(planes, paired * sizes.shift * sizes.batch),
                ]
                emit.call(self.strips(1, maps, lanes), pointers)
            first += maps

    def _strip(self, abreast: int, maps: int, lanes: int) -> ir.Function:
        """Write the addition of one row of the filters of positions abreast."""
        sizes = self.sizes
        strip, emit = begin_function(
            self.module,
            f"strip_{abreast}_{maps}_{lanes}",
            [self.pointer] * 3,
            self.number,
        )
        codes, weight, planes = strip.args
        kept = {
            (place, unit): emit.load_vector(
                emit.at(codes, (place * sizes.maps + unit) * sizes.batch), lanes=lanes
            )
            for place in range(abreast)
            for unit in range(maps)
        }
        ends = [place * sizes.shift + end for place in range(abreast) for end in (0, sizes.run)]
        for begin, end in itertools.pairwise(sorted(set(ends))):
            reaching = {
                key: code
                for key, code in kept.items()
                if key[0] * sizes.shift <= begin and end <= key[0] * sizes.shift + sizes.run
            }
            if reaching:
                self._add_run(emit, reaching, weight, planes, (begin, end), lanes)
        emit.ret_void()
        return strip

    def _add_run(
        self,
        emit: Emitter,
        kept: dict[tuple[int, int], Value],
        weight: Value,
        planes: Value,
        run: tuple[int, int],
        lanes: int,
    ) -> None:
        """Add to the inputs from `run[0]` until before `run[1]` what these codes lay there."""
        begin, end = run
        whole = begin + (end - begin) // _AT_ONCE * _AT_ONCE
        if whole > begin:
            with emit.loop(begin, whole, step=_AT_ONCE) as place:
                self._add_some(emit, kept, weight, planes, place.index, (_AT_ONCE, lanes))
        if whole < end:
            self._add_some(emit, kept, weight, planes, emit.whole(whole), (end - whole, lanes))

    def _add_some(
        self,
        emit: Emitter,
        kept: dict[tuple[int, int], Value],
        weight: Value,
        planes: Value,
        place: Value,
        count_and_lanes: tuple[int, int],
    ) -> None:
        """Add to a few inputs, whose sums are in flight together."""
        sizes, (count, lanes) = self.sizes, count_and_lanes
        target = emit.at(planes, emit.times(place, sizes.batch))
        targets = [emit.at(target, i * sizes.batch) for i in range(count)]
        sums = [emit.load_vector(one, lanes=lanes) for one in targets]
        filters = emit.at(weight, place)
        for (column, unit), code in kept.items():
            away = (column * sizes.maps + unit) * sizes.filter - column * sizes.shift
            for i in range(count):
                w = emit.broadcast(emit.at(filters, away + i))
                sums[i] = emit.multiply_add(code, w, sums[i])
        for total, one in zip(sums, targets, strict=True):
            emit.store_vector(total, one, lanes=lanes)
