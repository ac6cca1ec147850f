"""Tables of users: cells are completed, and refused by line and column."""

import pandas as pd
import pandera.pandas as pa
import pytest

from fdin_tf.data.tables import check_table
from fdin_tf.data.tables import read_csv_text

SCHEMA = pa.DataFrameSchema(
    {
        "name": pa.Column(str, pa.Check.str_length(min_value=1), unique=True),
        "size": pa.Column(float, pa.Check.ge(0), nullable=True),
        "note": pa.Column(str, nullable=True, required=False),
    }
)
EXPECTED = {"name": "a name", "size": "a size, or nothing"}


def check(first_line=None, **columns):
    return check_table(
        pd.DataFrame(columns), SCHEMA, EXPECTED, "sizes", first_line
    )


def test_cells_are_stripped_and_numbers_read():
    table = check(name=[" a ", "b"], size=["1.5 ", " "], note=["", " x"])
    assert table.name.tolist() == ["a", "b"]
    assert table["size"][0] == 1.5
    assert pd.isna(table["size"][1])
    assert table.note.tolist() == [None, "x"]


def test_numbers_and_other_columns_pass_as_they_are():
    table = check(name=["a"], size=[2], other=[[1, 2]])
    assert table["size"].item() == 2.0
    assert table.other.tolist() == [[1, 2]]


def test_whole_numbers_are_integers_and_others_are_refused():
    schema = pa.DataFrameSchema({"count": pa.Column(int)})

    def counts(*cells):
        table = pd.DataFrame({"count": cells})
        return check_table(
            table, schema, {"count": "a count"}, "boxes", of="box"
        )["count"].tolist()

    assert counts("1", " 2 ") == [1, 2]
    for wrong in ("x", "1.5", ""):
        with pytest.raises(ValueError, match=r"row 1, column `count`.*a count"):
            counts("1", wrong)
    with pytest.raises(ValueError, match="at least one box, found none"):
        counts()


def test_the_table_given_is_left_alone():
    given = pd.DataFrame({"name": [" a "], "size": ["1"]}, index=[7])
    checked = check_table(given, SCHEMA, EXPECTED, "sizes")
    assert given.name.tolist() == [" a "]
    assert checked.index.tolist() == [0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"name": ["a"]}, r"sizes: expected the columns name, size\. Missing: "
         r"size\. Received: columns=\['name'\]"),
        ({"name": [], "size": []}, "sizes: expected at least one row"),
        ({"name": ["a"], "size": ["big"]}, r"sizes, row 0, column `size`: "
         r"expected a size, or nothing\. Received: 'big'"),
        ({"name": ["a"], "size": [-1]}, r"row 0, column `size`.*-1\.0"),
        ({"name": ["a", ""], "size": [1, 2]}, r"row 1, column `name`.*None"),
        ({"name": ["a", "a"], "size": [1, 2]},
         r"row 1, column `name`: expected a name\. Received: 'a' \(first in "
         r"row 0\)"),
        ({"name": ["a", "b"], "size": [-1, -2]}, r"row 1, column `size`"),
    ],
)  # fmt: skip
def test_a_bad_table_is_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        check(**columns)


def test_places_are_counted_as_lines_of_the_file():
    with pytest.raises(ValueError, match=r"line 3, .*\(first in line 2\)"):
        check(first_line=2, name=["a", "a"], size=[1, 2])


def test_csv_cells_stay_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("name, size\n007, NA\n\nx,\n\n\n")
    table = read_csv_text(path, "sizes")
    assert table.name.tolist()[0] == "007"
    assert table["size"][0] == "NA"
    assert len(table) == 3  # the blank lines at the end are none


def test_a_file_that_is_no_table_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"with sizes\. Received: path"):
        read_csv_text(tmp_path / "none.csv", "sizes")
    for content in (b"", b"a,b\n1,2\n1,2,3", b"\xff\xfe\x80"):
        (tmp_path / "bad.csv").write_bytes(content)
        with pytest.raises(ValueError, match=r"bad\.csv cannot be read as a"):
            read_csv_text(tmp_path / "bad.csv", "sizes")
