"""Planes whose samples, not whose inputs, are rows."""

from llvmlite import ir

from featlearn.ops.kernels.compiler import Kernel, pointer_to
from featlearn.ops.kernels.emitter import INT, Emitter, Value, begin_function
from featlearn.ops.kernels.target import Number, Target


def turned_kernel(lines: int, length: int, batch: int, number: Number, target: Target) -> Kernel:
    """Write the kernel that lays `(lines, length, batch)` out as `(lines, batch, length)`."""
    module, pointer, lanes = ir.Module(), pointer_to(number), number.lanes
    work, emit = begin_function(module, "work", [pointer, pointer, INT, INT], number)
    source, result, begin, end = work.args

    def turn_samples(line: tuple[Value, Value], first: Value, numbers: int) -> None:
        """Turn some numbers of all samples."""
        seen = emit.at(line[0], emit.times(first, batch))
        laid = emit.at(line[1], first)
        whole, rest = divmod(batch, lanes)
        with emit.loop(0, whole * lanes, step=lanes) as some:
            target = emit.at(laid, emit.times(some.index, length))
            _turn(emit, emit.at(seen, some.index), target, (numbers, lanes), (length, batch))
        if rest:
            place = whole * lanes
            target = emit.at(laid, place * length)
            _turn(emit, emit.at(seen, place), target, (numbers, rest), (length, batch))

    with emit.loop(begin, end) as line:
        first = emit.times(line.index, length * batch)
        both = emit.at(source, first), emit.at(result, first)
        whole, rest = divmod(length, lanes)
        with emit.loop(0, whole * lanes, step=lanes) as some:
            turn_samples(both, some.index, lanes)
        if rest:
            turn_samples(both, emit.whole(whole * lanes), rest)
    emit.ret_void()
    return Kernel(module, work, units=lines, target=target)


def _turn(
    emit: Emitter, seen: Value, laid: Value, counts: tuple[int, int], sizes: tuple[int, int]
) -> None:
    """Turn a block of some numbers, each of some samples, at most as many as a vector has."""
    (numbers, samples), (length, batch) = counts, sizes
    rows = [emit.load_vector(emit.at(seen, i * batch), lanes=samples) for i in range(numbers)]
    rows += [emit.number.zeros] * (emit.number.lanes - numbers)
    for i, row in enumerate(emit.transpose(rows)[:samples]):
        emit.store_vector(row, emit.at(laid, i * length), lanes=numbers)
