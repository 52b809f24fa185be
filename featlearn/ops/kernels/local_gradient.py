"""The derivative by the weights: every code times the window that its unit sees."""

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel
from featlearn.ops.kernels.emitter import Emitter, Parts, Value
from featlearn.ops.kernels.geometry import Local, evenly
from featlearn.ops.kernels.groups import call_groups, groups_of
from featlearn.ops.kernels.target import Number, Target
from featlearn.ops.kernels.writer import Writer


def gradient_kernel(sizes: Local, number: Number, target: Target) -> Kernel:
    """Write the kernel that takes planes, codes and weights, and fills the weights.

    The sum goes over the batch, which is innermost in memory. The codes are turned, so that
    units, not samples, lie abreast in a vector; where there are few maps, those of two
    neighbouring positions share one. Their sums over the batch, one vector for each input
    that the units see, then stay in registers, and are turned back once.
    """
    return _Gradient(sizes, number, target).kernel()


class _Gradient(Writer[Local]):
    def __init__(self, sizes: Local, number: Number, target: Target) -> None:
        super().__init__(sizes, number, target)
        self.maps = evenly(sizes.maps, number.lanes)
        self.abreast = sizes.abreast(max(self.maps), number.lanes)
        self.tiles = Parts(self._tile)
        self.rows = Parts(self._row)
        self.groups = Parts(self._group)
        # Vectors are stored whole, and the last may reach over the end of what is needed.
        self.padded = sizes.run + (self.abreast - 1) * sizes.shift + number.lanes

    def kernel(self) -> Kernel:
        """Go through the groups of positions that lie abreast."""
        sizes = self.sizes
        work, emit = self.begin("work", pointers=3, integers=2)
        x, codes, weight, begin, end = work.args
        pointers = [x, codes, weight, *self._scratch(emit)]
        call_groups(
            emit, sizes, self.abreast, units=(begin, end), groups=self.groups, operands=pointers
        )
        emit.ret_void()
        return self.compiled(work, units=groups_of(sizes, self.abreast))

    def _scratch(self, emit: Emitter) -> tuple[Value, Value]:
        """Take memory for the turned codes, and for the sums of one row of the kernels."""
        lanes = self.number.lanes
        samples = -(-self.sizes.batch // lanes) * lanes
        return emit.scratch(samples * lanes), emit.scratch(lanes * self.padded)

    def _group(self, abreast: int) -> ir.Function:
        """Write the derivative by all weights of the positions abreast."""
        sizes = self.sizes
        group, emit = self.begin(f"group_{abreast}", pointers=5, integers=2)
        x, codes, weight, turned, sums, row, column = group.args
        unit = emit.times(emit.add(emit.times(row, sizes.columns), column), sizes.maps)
        line = sizes.width * sizes.channels * sizes.batch
        seen = emit.add(
            emit.times(row, sizes.stride * line), emit.times(column, sizes.shift * sizes.batch)
        )
        first = 0
        for maps in self.maps:
            own = emit.at(codes, emit.times(emit.add(unit, emit.whole(first)), sizes.batch))
            self._turn(emit, own, turned, abreast, maps)
            filters = emit.times(emit.add(unit, emit.whole(first)), sizes.filter)
            with emit.loop(0, sizes.kernel_height) as inside:
                pointers = [
                    emit.at(x, emit.add(seen, emit.times(inside.index, line))),
                    turned,
                    sums,
                    emit.at(weight, emit.add(filters, emit.times(inside.index, sizes.run))),
                ]
                emit.call(self.rows(abreast, maps), pointers)
            first += maps
        emit.ret_void()
        return group

    def _turn(self, emit: Emitter, codes: Value, turned: Value, abreast: int, maps: int) -> None:
        """Lay the codes of some units out so that the units are abreast, not the samples."""
        sizes, lanes = self.sizes, self.number.lanes

        def some(begin: Value, count: int) -> None:
            rows = [
                emit.load_vector(
                    emit.at(
                        codes,
                        emit.add(begin, emit.whole((place * sizes.maps + unit) * sizes.batch)),
                    ),
                    lanes=count,
                )
                for place in range(abreast)
                for unit in range(maps)
            ]
            rows += [self.number.zeros] * (lanes - len(rows))
            target = emit.at(turned, emit.times(begin, lanes))
            for sample, row in enumerate(emit.transpose(rows)[:count]):
                emit.store_vector(row, emit.at(target, sample * lanes))

        whole, rest = divmod(sizes.batch, lanes)
        with emit.loop(0, whole * lanes, step=lanes) as samples:
            some(samples.index, lanes)
        if rest:
            some(emit.whole(whole * lanes), rest)

    def _row(self, abreast: int, maps: int) -> ir.Function:
        """Write the derivative by one row of the kernels of the positions abreast."""
        sizes = self.sizes
        row, emit = self.begin(f"row_{abreast}_{maps}", pointers=4)
        x, turned, sums, weight = row.args
        place = 0
        for count in evenly(sizes.run + (abreast - 1) * sizes.shift, self.target.accumulators):
            pointers = [emit.at(x, place * sizes.batch), turned, emit.at(sums, place)]
            emit.call(self.tiles(count, abreast * maps), pointers)
            place += count
        for column in range(abreast):
            for unit in range(maps):
                found = (column * maps + unit) * self.padded + column * sizes.shift
                target = emit.at(weight, (column * sizes.maps + unit) * sizes.filter)
                emit.copy(emit.at(sums, found), target, sizes.run)
        emit.ret_void()
        return row

    def _tile(self, count: int, units: int) -> ir.Function:
        """Write the sums over the batch of `count` inputs times all units abreast."""
        batch, lanes, number = self.sizes.batch, self.number.lanes, self.number
        tile, emit = self.begin(f"tile_{count}_{units}", pointers=3)
        x, turned, sums = tile.args
        with emit.loop(0, batch, values=[number.zeros] * count) as sample:
            code = emit.load_vector(emit.at(turned, emit.times(sample.index, lanes)))
            seen = emit.at(x, sample.index)
            sample.carry(
                [
                    emit.multiply_add(emit.broadcast(emit.at(seen, place * batch)), code, total)
                    for place, total in enumerate(sample.values)
                ]
            )
        for begin in range(0, count, lanes):
            part = sample.values[begin : begin + lanes]
            part += [number.zeros] * (lanes - len(part))
            for unit, row in enumerate(emit.transpose(part)[:units]):
                emit.store_vector(row, emit.at(sums, unit * self.padded + begin))
        emit.ret_void()
        return tile
