"""Rows of an array in a temporary file: made in chunks, read in chunks."""

import contextlib
import shutil
import tempfile

import numpy as np

_IN_MEMORY = 2**24  # bytes; more goes to disk


class SpooledRows:
    """Rows of one shape and dtype, more of them than memory should hold.

    Rows are written one after the other. What is short stays in memory; the
    rest is a file in the system's folder for temporary files (`TMPDIR`),
    which has no name there and is gone when it is closed, also when the
    process is killed. Use it as a context manager.

    Args:
        in_memory: Bytes that are kept in memory.

    Example:

    >>> with SpooledRows() as rows:
    ...     for start in (0, 2):
    ...         rows.append(np.arange(start, start + 2))
    ...     (len(rows), rows.read([3, 0]).tolist())
    (4, [3, 0])
    """

    def __init__(self, in_memory=_IN_MEMORY):
        self._file = tempfile.SpooledTemporaryFile(in_memory)  # noqa: SIM115
        self._length = 0
        self._row = None  # shape and dtype of a row

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __len__(self):
        return self._length

    def append(self, rows):
        """Writes rows behind the last ones.

        Args:
            rows: `(n, ...)`, of the same shape and dtype as those before.

        Raises:
            ValueError: If they are of another shape or dtype.
            OSError: If there is no room for them.
        """
        row = (rows.shape[1:], rows.dtype)
        self._row = self._row or row
        if row != self._row:
            raise ValueError(
                f"Expected rows of shape {self._row[0]} and dtype "
                f"{self._row[1]}. Received: {row[0]} and {row[1]}"
            )
        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(rows).tobytes())
        self._length += len(rows)

    def read(self, numbers):
        """Some rows.

        Args:
            numbers: Numbers of the rows, each from 0 to below the length.

        Returns:
            `(len(numbers), ...)`.
        """
        return np.concatenate([self._read(n, n + 1) for n in numbers])

    def chunks(self, size):
        """Yields all rows in order, `size` at a time, the last ones fewer."""
        for start in range(0, self._length, size):
            yield self._read(start, min(start + size, self._length))

    def write_npy(self, file):
        """Writes all rows as NumPy's `.npy`.

        Args:
            file: Binary file to write to.
        """
        shape, dtype = self._row
        np.lib.format.write_array_header_1_0(
            file,
            {
                "descr": np.lib.format.dtype_to_descr(dtype),
                "fortran_order": False,
                "shape": (self._length, *shape),
            },
        )
        self._file.seek(0)
        shutil.copyfileobj(self._file, file)

    def _read(self, start, stop):
        shape, dtype = self._row
        row_bytes = dtype.itemsize * int(np.prod(shape))
        self._file.seek(start * row_bytes)
        data = self._file.read((stop - start) * row_bytes)
        return np.frombuffer(data, dtype).reshape(stop - start, *shape)


@contextlib.contextmanager
def spooled_arrays(chunks):
    """Context manager: arrays that come in chunks of rows, written down.

    Args:
        chunks: Iterable of dicts of arrays, at least one, all of the same
            names; the rows of a name are joined in order.

    Yields:
        Dict of `SpooledRows`, by name, until the block ends.

    Raises:
        ValueError: If there is no chunk, or chunks differ in their names, or
            in the shape or dtype of a row.
    """
    with contextlib.ExitStack() as stack:
        rows = {}
        for chunk in chunks:
            for name in () if rows else chunk:
                rows[name] = stack.enter_context(SpooledRows())
            if chunk.keys() != rows.keys():
                raise ValueError(
                    f"Expected chunks of {', '.join(rows)}. Received: "
                    f"{', '.join(chunk) or 'nothing'}"
                )
            for name, array in chunk.items():
                rows[name].append(array)
        if not rows:
            raise ValueError("Expected a chunk of arrays. Received: none")
        yield rows
