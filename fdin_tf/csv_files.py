"""CSV files as text cells, within limits, in pieces that fit into memory."""

import csv
import functools

import pandas as pd

from fdin_tf.file_limits import check_text
from fdin_tf.plain_text import reason_of

#: Errors by which pandas reports that a text is no table.
NO_TABLE = (
    pd.errors.ParserError,
    pd.errors.EmptyDataError,
    UnicodeError,
    csv.Error,
)
_CELLS = 2**18  # of one piece


def read_csv_pieces(path, most, **options):
    """Reads a CSV file as text, some rows at a time.

    Args:
        path: The file.
        most: Largest size, bytes.
        **options: Further options of `pandas.read_csv`.

    Yields:
        DataFrames of strings, whose index counts the rows of the file from 0;
        one at least.

    Raises:
        ValueError: If the file is too large, no table, or has rows with more
            cells than the header has names; with the file.
    """
    check_text(path, most)
    read = functools.partial(
        pd.read_csv, path, dtype=str, skipinitialspace=True, **options
    )
    try:
        head = read(nrows=1)
        if not isinstance(head.index, pd.RangeIndex):
            # pandas would take the first cells of every row for its name.
            raise ValueError(
                f"{path}: expected as many cells in a row as names in the "
                f"first line, {len(head.columns)}. Received: "
                f"{len(head.columns) + head.index.nlevels} in the first row"
            )
        with read(chunksize=max(1, _CELLS // len(head.columns))) as pieces:
            yield from pieces
    except NO_TABLE as error:
        raise ValueError(
            f"{path} cannot be read as a CSV table: {reason_of(error)}"
        ) from None
