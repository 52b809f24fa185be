"""What one program computes of sums over sliding windows: by sizes alone."""

from featlearn.ops.triton.tiles import parts

_DOWN = 8  # rows of a program, which share the rows of planes that they see
_RIGHT = 16  # columns, likewise
_ABREAST = 64  # planes: a line of memory of the smallest numbers


def tile(rows: int, columns: int, planes: int) -> tuple[int, int, int, int]:
    """Choose the rows, columns and planes of a program, powers of two, and count the programs."""
    down, right, abreast = (
        min(most, 1 << (count - 1).bit_length())
        for most, count in ((_DOWN, rows), (_RIGHT, columns), (_ABREAST, planes))
    )
    programs = parts(rows, down) * parts(columns, right) * parts(planes, abreast)
    return down, right, abreast, programs


def reaching(size: int, stride: int, down: int) -> int:
    """Count the rows of windows that may reach some rows of a plane."""
    return (size + down - 2) // stride + 1
