"""A builder of LLVM's instructions with the loops and vectors that the kernels need."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from llvmlite import ir

from featlearn.ops.kernels.target import Number

INT = ir.IntType(64)
_LANE = ir.IntType(32)
_BYTE = ir.IntType(8)
_LINE = 64  # bytes that a cache fetches together

Value = Any
"""A value of LLVM's: llvmlite has no types of its own for them."""


Kind = TypeVar("Kind", bound="Emitter")


class Loop:
    """A loop in the making.

    Attributes:
        index: Its counter.
        values: What the iteration before left, or what the loop was entered with; after the
            loop, what the last one left.
    """

    def __init__(self, index: Value, values: list[Value]) -> None:
        """Begin with what is carried into the first iteration."""
        self.index = index
        self.values = values
        self.next = values

    def carry(self, values: Sequence[Value]) -> None:
        """Leave values for the next iteration."""
        self.next = list(values)


class Emitter(ir.IRBuilder):
    """Writes one function of a module, instruction by instruction.

    Offsets and counts are numbers of elements, either known now (`int`) or computed in the
    function.
    """

    number: Number

    def whole(self, value: int | Value) -> Value:
        """Write a whole number that is known now."""
        return ir.Constant(INT, value) if isinstance(value, int) else value

    def times(self, value: Value, factor: int) -> Value:
        """Multiply a whole number by one that is known now."""
        return self.mul(value, self.whole(factor))

    def divided(self, value: Value, by: int) -> tuple[Value, Value]:
        """Divide a whole number, and give the quotient and what is left."""
        return self.sdiv(value, self.whole(by)), self.srem(value, self.whole(by))

    def at(self, pointer: Value, offset: int | Value) -> Value:
        """Point so many elements further."""
        return self.gep(pointer, [self.whole(offset)])

    def smaller(self, a: Value, b: Value) -> Value:
        """Choose the smaller of two whole numbers."""
        return self.select(self.icmp_signed("<", a, b), a, b)

    def larger(self, a: Value, b: Value) -> Value:
        """Choose the larger of two whole numbers."""
        return self.select(self.icmp_signed(">", a, b), a, b)

    @contextmanager
    def loop(
        self, begin: int | Value, end: int | Value, *, step: int = 1, values: Sequence[Value] = ()
    ) -> Generator[Loop]:
        """Repeat what is written inside for every number from `begin` until before `end`."""
        before = self.block
        head, body, after = (self.append_basic_block(name) for name in ("head", "body", "after"))
        begin, end = self.whole(begin), self.whole(end)
        self.branch(head)
        self.position_at_end(head)
        index = self.phi(INT)
        index.add_incoming(begin, before)
        carried = [self.phi(value.type) for value in values]
        for phi, value in zip(carried, values, strict=True):
            phi.add_incoming(value, before)
        self.cbranch(self.icmp_signed("<", index, end), body, after)
        self.position_at_end(body)
        loop = Loop(index, list(carried))
        yield loop
        index.add_incoming(self.add(index, self.whole(step)), self.block)
        for phi, value in zip(carried, loop.next, strict=True):
            phi.add_incoming(value, self.block)
        self.branch(head)
        self.position_at_end(after)

    def load_vector(
        self, pointer: Value, *, lanes: int | Value | None = None, number: Number | None = None
    ) -> Value:
        """Load a vector, or some of its numbers with zeros in place of the others.

        Args:
            pointer: Where its first number lies, loaded or not.
            lanes: How many numbers to load, from the first; or which, as `within` gives them.
            number: Kind of number, if not the emitter's own.
        """
        number = number or self.number
        place: Value = self.bitcast(pointer, number.vector.as_pointer())
        if lanes is None or lanes == number.lanes:
            return self.load(place, align=number.bytes)
        mask = _mask(lanes, number) if isinstance(lanes, int) else lanes
        load = self.declared(
            f"llvm.masked.load.{number.suffix}.p0",
            number.vector,
            [place.type, ir.IntType(32), mask.type, number.vector],
        )
        aligned = ir.Constant(ir.IntType(32), number.bytes)
        return self.call(load, [place, aligned, mask, number.zeros])

    def store_vector(
        self,
        value: Value,
        pointer: Value,
        *,
        lanes: int | None = None,
        number: Number | None = None,
    ) -> None:
        """Store a vector, or its first `lanes` numbers."""
        number = number or self.number
        place: Value = self.bitcast(pointer, number.vector.as_pointer())
        if lanes is None or lanes == number.lanes:
            self.store(value, place, align=number.bytes)
            return
        store = self.declared(
            f"llvm.masked.store.{number.suffix}.p0",
            ir.VoidType(),
            [number.vector, place.type, ir.IntType(32), _mask(lanes, number).type],
        )
        aligned = ir.Constant(ir.IntType(32), number.bytes)
        self.call(store, [value, place, aligned, _mask(lanes, number)])

    def broadcast(self, pointer: Value) -> Value:
        """Load one number into every lane."""
        nothing = ir.Constant(self.number.vector, ir.Undefined)
        first = self.insert_element(nothing, self.load(pointer), ir.Constant(_LANE, 0))
        return self.shuffle_vector(first, nothing, lanes_of([0] * self.number.lanes))

    def multiply_add(self, a: Value, b: Value, total: Value) -> Value:
        """Compute a * b + total, rounded once."""
        vector = self.number.vector
        return self.call(
            self.declared(f"llvm.fma.{self.number.suffix}", vector, [vector] * 3), [a, b, total]
        )

    def add_outer(
        self, totals: Sequence[Value], vectors: Sequence[Value], pointer: Value, apart: int
    ) -> list[Value]:
        """Add the products of some numbers with some vectors, of every one with every other.

        Args:
            totals: The sums so far, those of the first number first.
            vectors: The vectors.
            pointer: Where the first number lies.
            apart: How far it is from one number to the next.
        """
        sums: list[Value] = []
        for place in range(len(totals) // len(vectors)):
            factor = self.broadcast(self.at(pointer, place * apart))
            own = totals[place * len(vectors) : (place + 1) * len(vectors)]
            sums += [
                self.multiply_add(one, factor, total)
                for one, total in zip(vectors, own, strict=True)
            ]
        return sums

    def root(self, a: Value) -> Value:
        """Take square roots."""
        number = self.number
        return self.call(
            self.declared(f"llvm.sqrt.{number.suffix}", number.vector, [number.vector]), [a]
        )

    def transpose(self, rows: list[Value]) -> list[Value]:
        """Turn as many vectors as a vector has lanes, so that lane j of row i is lane i of row j.

        Interleaving row i with row i + half, over and over, shuffles each bit of a number's
        place once around.
        """
        lanes, half = len(rows), len(rows) // 2
        low = lanes_of([lane for i in range(half) for lane in (i, lanes + i)])
        high = lanes_of([lane for i in range(half, lanes) for lane in (i, lanes + i)])
        for _ in range(half.bit_length()):
            rows = [
                self.shuffle_vector(rows[i], rows[i + half], which)
                for i in range(half)
                for which in (low, high)
            ]
        return rows

    def scratch(self, count: int, *, number: Number | None = None) -> Value:
        """Take memory for so many numbers, which begins as vectors do, until the function ends."""
        number = number or self.number
        taken: Any = self.alloca(number.scalar, size=self.whole(count))
        taken.align = number.bytes * number.lanes
        return taken

    def fill_with_zeros(
        self, pointer: Value, count: int | Value, *, number: Number | None = None
    ) -> None:
        """Set so many numbers to zero; a count that is computed is one of whole vectors."""
        number = number or self.number
        rest = count % number.lanes if isinstance(count, int) else 0
        whole = self.sub(self.whole(count), self.whole(rest))
        with self.loop(0, whole, step=number.lanes) as loop:
            self.store_vector(number.zeros, self.at(pointer, loop.index), number=number)
        if rest:
            self.store_vector(number.zeros, self.at(pointer, whole), lanes=rest, number=number)

    def copy(
        self, source: Value, target: Value, count: int, *, number: Number | None = None
    ) -> None:
        """Copy so many numbers, known now, without a loop."""
        number = number or self.number
        for place in range(0, count, number.lanes):
            some = min(number.lanes, count - place)
            part = self.load_vector(self.at(source, place), lanes=some, number=number)
            self.store_vector(part, self.at(target, place), lanes=some, number=number)

    def prefetch(self, pointer: Value, count: int) -> None:
        """Ask for so many numbers that will be read soon; they need not be there."""
        kinds = [_BYTE.as_pointer(), _LANE, _LANE, _LANE]
        ask = self.declared("llvm.prefetch.p0", ir.VoidType(), kinds)
        how = [ir.Constant(_LANE, word) for word in (0, 3, 1)]  # to read, for long, numbers
        for place in range(0, count, _LINE // self.number.bytes):
            self.call(ask, [self.bitcast(self.at(pointer, place), kinds[0]), *how])

    def copy_past_caches(self, source: Value, target: Value, count: int) -> None:
        """Copy whole vectors, to where vectors begin, without a trace in the caches.

        Other threads see them after a fence.
        """
        number = self.number
        hint = self.module.add_metadata([ir.Constant(_LANE, 1)])
        with self.loop(0, count, step=number.lanes) as loop:
            part = self.load_vector(self.at(source, loop.index))
            place: Value = self.bitcast(self.at(target, loop.index), number.vector.as_pointer())
            stored = self.store(part, place, align=number.bytes * number.lanes)
            stored.set_metadata("nontemporal", hint)

    def declared(self, name: str, result: Any, arguments: Sequence[Any]) -> ir.Function:
        """Declare one of LLVM's own functions, once."""
        known = self.module.globals.get(name)
        return known or ir.Function(self.module, ir.FunctionType(result, arguments), name)


def begin_function(
    module: ir.Module, name: str, arguments: Sequence[Any], number: Number
) -> tuple[ir.Function, Emitter]:
    """Begin a function that gives nothing back and that only its module calls."""
    return begin_with(Emitter, module, name, arguments, number)


def begin_with(
    kind: type[Kind], module: ir.Module, name: str, arguments: Sequence[Any], number: Number
) -> tuple[ir.Function, Kind]:
    """Begin a function, as `begin_function` does, with an emitter of this kind."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    emitter = kind(function.append_basic_block("entry"))
    emitter.number = number
    return function, emitter


class Parts:
    """Functions of a module that are written when first asked for, one for each size."""

    def __init__(self, write: Callable[..., ir.Function]) -> None:
        """Take what writes the function for some sizes."""
        self._write = write
        self._written: dict[tuple[int, ...], ir.Function] = {}

    def __call__(self, *sizes: int) -> ir.Function:
        """Give the function for these sizes."""
        if sizes not in self._written:
            self._written[sizes] = self._write(*sizes)
        return self._written[sizes]


def _mask(lanes: int, number: Number) -> Value:
    """Tell the first `lanes` of a vector from the others."""
    kind = ir.VectorType(ir.IntType(1), number.lanes)
    return ir.Constant(kind, [int(lane < lanes) for lane in range(number.lanes)])


def lanes_of(numbers: list[int]) -> Value:
    """Name lanes of vectors, for a shuffle."""
    return ir.Constant(ir.VectorType(_LANE, len(numbers)), numbers)
