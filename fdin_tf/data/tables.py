"""Tables that users write: read from CSV, completed, and checked by cell."""

from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from fdin_tf.csv_files import read_csv_pieces
from fdin_tf.plain_text import has_control
from fdin_tf.plain_text import quoted
from fdin_tf.plain_text import reason_of

#: Largest table, bytes: some million rows.
MAX_TABLE_BYTES = 2**29
_MAX_WHOLE = 2**53  # beyond, floats are not exact
_NUMBERS = (np.dtype(int), np.dtype(float))


def read_csv_text(path, what):
    """Reads a CSV file as text, cell by cell.

    Args:
        path: The file.
        what: What a message calls its content, such as `the image table`.

    Returns:
        DataFrame of strings; an empty cell is NaN. Row `i` is line `i + 2` of
        the file; blank lines at its end are left out.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no table, or larger than
            `MAX_TABLE_BYTES`.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a CSV file with {what}. Received: path={path}"
        )
    pieces = read_csv_pieces(
        path,
        MAX_TABLE_BYTES,
        skip_blank_lines=False,  # so that lines count as in the file
        keep_default_na=False,  # a subject may be called "NA"
        na_values=[""],
    )
    table = pd.concat(pieces)
    is_filled = table.notna().any(axis=1).to_numpy().nonzero()[0]
    return table[: is_filled[-1] + 1 if len(is_filled) else 0]


def check_table(table, schema, expected, source, first_line=None, of="row"):
    """Completes a table and checks every cell.

    Columns of the schema are stripped of blanks; those of floats and integers
    become numbers; a text with a control character is not valid.
    Other columns are kept as they are.

    Args:
        table: DataFrame.
        schema: `pandera` schema whose columns are `str`, `float` or `int`.
        expected: What a valid cell holds, in words, by column.
        source: What a message calls the table.
        first_line: Line number of the first row in its file; messages then
            count lines, otherwise rows from 0.
        of: What a message calls that of which a row is.

    Returns:
        A checked copy, indexed from 0.

    Raises:
        ValueError: If a column is missing, the table is empty or a cell is
            not valid: the first bad cell is named by line and column.

    Example:

    >>> schema = pa.DataFrameSchema({"age": pa.Column(float)})
    >>> table = pd.DataFrame({"age": [" 31 "]})
    >>> check_table(table, schema, {"age": "years"}, "ages").age.item()
    31.0
    """
    required = [name for name, c in schema.columns.items() if c.required]
    missing = [name for name in required if name not in table]
    if missing:
        raise ValueError(
            f"{source}: expected the columns {', '.join(required)}. Missing: "
            f"{', '.join(missing)}. Received: columns={quoted(list(table))}"
        )
    if table.empty:
        raise ValueError(f"{source}: expected at least one {of}, found none.")
    table = table.reset_index(drop=True).copy()
    for name, column in schema.columns.items():
        if name not in table:
            continue
        cells, kind = table[name], column.dtype.type
        if kind not in (np.dtype(float), np.dtype(int)):
            table[name] = text = _as_text(cells)
            wrong = text.map(
                lambda cell: cell is not None and has_control(cell)
            )
            if wrong.any():
                row = wrong.to_numpy().argmax()
                raise cell_error(
                    name, row, text[row], expected, source, first_line
                )
            continue
        numbers, wrong = _as_numbers(cells)
        if kind == np.dtype(int):
            wrong = ~(numbers.abs() < _MAX_WHOLE) | (numbers % 1 != 0)
        if wrong.any():
            row = wrong.to_numpy().argmax()
            value = _as_text(cells)[row]
            raise cell_error(name, row, value, expected, source, first_line)
        table[name] = numbers.astype(kind)
    try:
        return schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        cases = cases[cases["index"].notna()]
        if cases.empty:  # not a cell: the table as a whole does not fit
            raise ValueError(f"{source}: {reason_of(error)}") from error
        # Of equal ids the later one is the one to mend.
        bad = cases.groupby("column", sort=False).last().reset_index()
        bad = bad.sort_values("index", kind="stable").iloc[0]
        name, row = bad["column"], int(bad["index"])
        value, also = table[name][row], ""
        first = int((table[name] == value).to_numpy().argmax())
        if schema.columns[name].unique and value is not None and first != row:
            where = _place(first, first_line)
            also = f" (first in {where})"
        raise cell_error(
            name, row, value, expected, source, first_line, also
        ) from None


def cell_error(column, row, value, expected, source, first_line, also=""):
    """The `ValueError` about one cell; arguments as of `check_table`."""
    value = value.item() if isinstance(value, np.generic) else value
    return ValueError(
        f"{source}, {_place(row, first_line)}, column `{column}`: expected "
        f"{expected[column]}. Received: {quoted(value)}{also}"
    )


def _place(row, first_line):
    row = int(row)
    return f"row {row}" if first_line is None else f"line {row + first_line}"


def _as_text(column):
    text = column.astype("string").str.strip()
    text = text.mask(text == "")
    return text.astype(object).where(text.notna(), None)


def _as_numbers(cells):
    """Numbers of a column, and which cells are none though not empty."""
    if cells.dtype in _NUMBERS:  # as they are, text would be slow
        return cells, pd.Series(False, cells.index)
    text = _as_text(cells)
    numbers = pd.to_numeric(text, errors="coerce")
    return numbers, numbers.isna() & text.notna()
