"""The matrix unit of a processor (Intel's AMX): products of bfloat16, summed in single precision.

It has eight registers, tiles of sixteen rows of 64 bytes. Two are multiplied into a third: one
whose row is 32 numbers of a sum, and one whose row holds, for sixteen columns, a pair of
numbers beside each other, so that sixteen rows of pairs meet the 32 numbers.
"""

import functools
from collections.abc import Sequence
from typing import Any

import torch
from llvmlite import binding, ir

from featlearn.ops.kernels.emitter import Emitter, Value, begin_with, lanes_of
from featlearn.ops.kernels.target import Number

ROWS = 16
"""Rows of a tile, and columns of a tile of sums or of pairs."""

INNER = 2 * ROWS
"""Numbers over which one product of tiles sums."""

HALF = Number(ir.IntType(16), INNER, 2)
"""A number in bfloat16, of which only the matrix unit knows what it stands for."""

PAIR = Number(ir.IntType(32), ROWS, 4)
"""Two of them, beside each other."""

SINGLE = Number(ir.FloatType(), ROWS, 4)
"""A sum."""

SINGLES = SINGLE.scalar.as_pointer()

_NUMBERS, _PAIRS = 4, 6  # the first of the tiles for each; those for sums are 0 to 3
_LANE = ir.IntType(32)
_TILE = ir.IntType(8)
_BYTES = ir.IntType(8).as_pointer()


@functools.cache
def available() -> bool:
    """Tell whether the processor has the unit, and the system lets this process use it."""
    features = binding.get_host_cpu_features()
    return bool(
        features.get("amx-bf16")
        and features.get("avx512bf16")
        and features.get("avx512bw")
        # Nothing public asks the system.
        and torch.cpu._init_amx()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    )


class TileEmitter(Emitter):
    """Writes a function that uses tiles: four for sums, two for numbers and two for pairs."""

    def begin_tiles(self) -> None:
        """Take all tiles in full size; whoever does so ends them."""
        known: Any = self.module.globals.get("tiles")
        if known is None:
            form = bytearray(64)
            form[0] = 1  # the one palette there is
            form[16:32] = bytes([64, 0] * 8)  # bytes in a row
            form[48:56] = bytes([ROWS] * 8)
            kind = ir.ArrayType(ir.IntType(8), len(form))
            known = ir.GlobalVariable(self.module, kind, "tiles")
            known.global_constant = True
            known.initializer = ir.Constant(kind, form)
        self._tell("ldtilecfg", self.bitcast(known, _BYTES))

    def end_tiles(self) -> None:
        """Give all tiles back."""
        self._tell("tilerelease")

    def begin_sums(self, units: int) -> None:
        """Set the sums of one or two tiles of units with two tiles of pairs to zero."""
        for total in range(2 * units):
            self._tell("tilezero", _number_of(total))

    def add_products(
        self, units: Sequence[Value], units_line: int, pairs: Value, pairs_line: int
    ) -> None:
        """Add products over 32 numbers to the sums that `begin_sums` began.

        Args:
            units: Where the numbers of each sixteen units begin.
            units_line: Numbers from a unit to the next.
            pairs: Where the pairs of 32 columns begin, for the first two of the numbers.
            pairs_line: Numbers from there to those for the next two.
        """
        for half in (0, 1):
            self._load_tile(_PAIRS + half, self.at(pairs, half * INNER), pairs_line)
        for tile, numbers in enumerate(units):
            self._load_tile(_NUMBERS + tile, numbers, units_line)
            for half in (0, 1):
                operands = (2 * tile + half, _NUMBERS + tile, _PAIRS + half)
                self._tell("tdpbf16ps", *map(_number_of, operands))

    def store_sums(self, units: int, pointer: Value, line: int) -> None:
        """Store the sums of one or two tiles of units; a unit's begin `line` numbers apart."""
        for total in range(2 * units):
            tile, half = divmod(total, 2)
            place = self.at(pointer, tile * ROWS * line + half * ROWS)
            self._tell(
                "tilestored64",
                _number_of(total),
                self.bitcast(place, _BYTES),
                self.whole(line * SINGLE.bytes),
            )

    def _load_tile(self, tile: int, pointer: Value, line: int) -> None:
        """Load a tile whose rows begin `line` numbers apart."""
        self._tell(
            "tileloadd64",
            _number_of(tile),
            self.bitcast(pointer, _BYTES),
            self.whole(line * HALF.bytes),
        )

    def load_half(self, pointer: Value, *, lanes: int | Value | None = None) -> Value:
        """Load 32 numbers in bfloat16, or some of them and zeros."""
        return self.load_vector(pointer, lanes=lanes, number=HALF)

    def round_to_half(self, low: Value, high: Value) -> Value:
        """Round two vectors of sums to one vector in bfloat16."""
        kind = ir.VectorType(HALF.scalar, ROWS)
        one, other = (self.bitcast(self.fptrunc(part, _ROUNDED), kind) for part in (low, high))
        return self.shuffle_vector(one, other, lanes_of(list(range(INNER))))

    def from_half(self, pointer: Value) -> Value:
        """Load one number in bfloat16 into every lane of a vector of sums."""
        one = self.shl(
            self.zext(self.load(pointer, align=2), PAIR.scalar), ir.Constant(PAIR.scalar, 16)
        )
        return self._spread(self.bitcast(one, SINGLE.scalar), ROWS)

    def interleave(self, one: Value, other: Value) -> tuple[Value, Value]:
        """Lay the numbers of two vectors beside each other: their first halves, and the others."""
        low, high = (
            self.shuffle_vector(
                one,
                other,
                lanes_of([lane for i in range(begin, begin + ROWS) for lane in (i, INNER + i)]),
            )
            for begin in (0, ROWS)
        )
        return low, high

    def within(self, first: Value, count: int | Value) -> Value:
        """Tell which lanes of 32 are at least 0 and below `count`, where lane 0 is `first`."""
        lanes = lanes_of(list(range(INNER)))
        places = self.add(self._spread(self.trunc(first, _LANE), INNER), lanes)
        # Below zero is far above, without a sign.
        beyond = self._spread(self.trunc(self.whole(count), _LANE), INNER)
        return self.icmp_unsigned("<", places, beyond)

    def _spread(self, value: Value, lanes: int) -> Value:
        """Put one number into every lane."""
        nothing = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
        first = self.insert_element(nothing, value, ir.Constant(_LANE, 0))
        return self.shuffle_vector(first, nothing, lanes_of([0] * lanes))

    def _tell(self, name: str, *operands: Value) -> None:
        """Give the unit one of its instructions."""
        kinds = [operand.type for operand in operands]
        self.call(self.declared(f"llvm.x86.{name}", ir.VoidType(), kinds), operands)


class _BFloat(ir.Type):
    """LLVM's bfloat16, which llvmlite does not name."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat)

    def __hash__(self) -> int:
        return hash(_BFloat)


_ROUNDED = ir.VectorType(_BFloat(), ROWS)


def begin_tile_function(
    module: ir.Module, name: str, arguments: Sequence[Any]
) -> tuple[ir.Function, TileEmitter]:
    """Begin a function that gives nothing back and that only its module calls."""
    return begin_with(TileEmitter, module, name, arguments, SINGLE)


def _number_of(tile: int) -> Value:
    return ir.Constant(_TILE, tile)
