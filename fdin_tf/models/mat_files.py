"""MATLAB files held against their format before SciPy reads them.

SciPy trusts the types and lengths in a file; wrong ones can end Python.
"""

import math
import struct
import zlib

import numpy as np

from fdin_tf.file_limits import check_claim
from fdin_tf.file_limits import check_size

_MATRIX, _PACKED = 14, 15
_TEXT, _INT32, _UINT32 = (1, 16), (5, 6), (6,)  # the types that are read
_HEADER = 128  # bytes
_BLOCK = 2**20
# Bytes of a number, by its type; texts may also be in Unicode.
_NUMBERS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
_UNICODE = (16, 17, 18)
_CELL, _STRUCT, _CHARACTERS = 1, 2, 4
_NUMERIC = range(6, 16)
_MAX_DIMENSIONS = 32
_MAX_DEPTH = 16


def check_mat(path, most):
    """Refuses a file that is not what version 5 to 7 of the format says.

    Cells, structs, texts and full numeric arrays may be in it. What is packed
    is unpacked for the check, a variable at a time, within limits.

    Args:
        path: The file.
        most: Largest size of the file and of all variables, bytes.

    Raises:
        ValueError: If it is anything else, or claims too much; the message is
            the reason alone, or names the file.

    Reference:
    - MathWorks, "MAT-File Format", level 5.
    """
    check_size(path, most)
    content = memoryview(np.memmap(path, np.uint8, "r"))
    if bytes(content[126:_HEADER]) not in (b"IM", b"MI"):
        raise ValueError("no MATLAB file of version 5 to 7")
    order = "<" if content[126:_HEADER] == b"IM" else ">"
    left = most
    for kind, body in _elements(content[_HEADER:], order, is_padded=False):
        if kind == _PACKED:
            unpacked = _unpacked(body, left)
            left -= len(unpacked)
            ((kind, body),) = _elements(unpacked, order)
        if kind != _MATRIX:
            raise ValueError(f"a variable of type {kind}")
        _check_matrix(body, order, depth=0)


def _unpacked(body, most):
    """A packed variable, unless it is far larger than what is stored."""
    engine, parts, size = zlib.decompressobj(), [], 0
    for start in range(0, len(body), _BLOCK):
        block = body[start : start + _BLOCK]
        while block:
            parts.append(engine.decompress(block, _BLOCK))
            block = engine.unconsumed_tail
            size += len(parts[-1])
            check_claim("a variable", size, len(body), most)
    return memoryview(b"".join(parts))


def _elements(data, order, is_padded=True):
    """Type and content of every element, one after the other."""
    start = 0
    while start < len(data):
        if start + 8 > len(data):
            raise ValueError("an element without its type and size")
        kind, size = struct.unpack_from(f"{order}II", data, start)
        small = kind >> 16
        if small:  # up to four bytes, within the tag
            yield kind & 0xFFFF, data[start + 4 : start + 4 + min(small, 4)]
            start += 8
            continue
        start += 8
        if start + size > len(data):
            raise ValueError(f"an element of {size} bytes goes beyond its end")
        yield kind, data[start : start + size]
        start += size + (-size % 8 if is_padded else 0)


def _check_matrix(body, order, depth):
    """One matrix: flags, dimensions, name, and what its class holds."""
    if depth > _MAX_DEPTH:
        raise ValueError("matrices nested too deeply")
    if not body:
        return  # MATLAB's empty matrix
    (flags, dimensions, name), parts = _head(_elements(body, order))
    _expect(flags, _UINT32, len(flags[1]) == 8, "flags")
    size = len(dimensions[1])
    is_whole = size % 4 == 0 and 8 <= size <= 4 * _MAX_DIMENSIONS
    _expect(dimensions, _INT32, is_whole, "dimensions")
    _expect(name, _TEXT, True, "a name")
    count = math.prod(_integers(dimensions[1], order))
    kind = _integers(flags[1], order)[0] & 0xFF
    if kind in (_CELL, _STRUCT):
        fields = 1
        if kind == _STRUCT:
            length, names, *parts = parts
            _expect(length, _INT32, len(length[1]) == 4, "a length of names")
            (width,) = _integers(length[1], order)
            is_whole = width > 0 and len(names[1]) % width == 0
            _expect(names, _TEXT, is_whole, "names")
            fields = len(names[1]) // width
        if len(parts) != count * fields:
            raise ValueError(f"{len(parts)} matrices instead of {count}")
        for part in parts:
            _expect(part, (_MATRIX,), True, "a matrix")
            _check_matrix(part[1], order, depth + 1)
        return
    if kind != _CHARACTERS and kind not in _NUMERIC:
        raise ValueError(f"an array of class {kind}")
    if not 1 <= len(parts) <= 2:
        raise ValueError(f"an array of {len(parts)} parts")
    for stored, data in parts:
        if kind == _CHARACTERS and (stored in _UNICODE or not data):
            continue
        if len(data) != count * _NUMBERS.get(stored, math.nan):
            raise ValueError(
                f"{len(data)} bytes of type {stored} for {count} numbers"
            )


def _head(elements):
    first, second, third, *rest = elements
    return (first, second, third), rest


def _expect(element, kinds, is_whole, what):
    if element[0] not in kinds or not is_whole:
        raise ValueError(f"expected {what}, found type {element[0]}")


def _integers(data, order):
    return struct.unpack(f"{order}{len(data) // 4}i", data)
