"""Files of folds: what they say is read, what does not fit is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from fdin_tf.data.fold_files import read_test_folds
from tests.data.smile_clips import make_clips


def test_a_csv_file_decides(tmp_path):
    clips = make_clips(12)
    number = pd.factorize(clips.subject)[0] % 4
    path = tmp_path / "folds.csv"
    pd.DataFrame({"video": clips.clip_id + ".mp4", "fold": number}).to_csv(
        path, index=False
    )
    tested_in, kind = read_test_folds(clips, path)
    assert kind == "CSV file"
    np.testing.assert_array_equal(tested_in, number)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip_id,part\na,0\n", "expected the columns"),
        ("clip_id,fold\n000_posed_0,one\n", "line 2, column `fold`.*'one'"),
        ("clip_id,fold\n000_posed_0,1\n000_posed_0,2\n", "line 3.*in 1 and 2"),
        ("clip_id,fold\n000_posed_0,1\n", "a fold for every clip"),
        ("clip_id,fold\nother,\nother,\n", "a fold for every clip"),
        ("", "folds.csv cannot be read"),
    ],
)
def test_a_csv_file_that_does_not_fit_is_refused(tmp_path, text, message):
    path = tmp_path / "folds.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_test_folds(make_clips(5), path)


def write_json_folds(folder, clips, num_folds=3):
    code = {"posed": 0, "spontaneous": 1}
    number = pd.factorize(clips.subject)[0] % num_folds
    labels = dict(zip(clips.clip_id, clips.spontaneity.map(code)))
    for k in range(num_folds):
        (folder / str(k + 1)).mkdir(parents=True)
        for part, chosen in (("test", number == k), ("train", number != k)):
            of_part = {c: int(labels[c]) for c in clips.clip_id[chosen]}
            (folder / str(k + 1) / f"{part}.json").write_text(
                json.dumps(of_part)
            )
    return number


def test_public_json_lists_decide(tmp_path):
    clips = make_clips(12)
    number = write_json_folds(tmp_path / "labels", clips)
    tested_in, kind = read_test_folds(clips, tmp_path / "labels")
    assert kind == "JSON lists"
    np.testing.assert_array_equal(tested_in, number)


def change_json(path, change):
    labels = json.loads(path.read_text())
    path.write_text(json.dumps(change(labels)))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("1/test.json", lambda x: [*x], "a dict from clip id"),
        ("1/test.json", lambda x: dict.fromkeys(x, 1.0), "a dict from clip id"),
        ("1/test.json", lambda x: {c: [1] for c in x}, "a dict from clip id"),
        ("1/test.json", lambda x: {**x, next(iter(x)): 1 - x[next(iter(x))]},
         "the smile type of the clip table"),
        ("1/test.json", lambda x: dict(list(x.items())[1:]),
         "a fold for every clip"),
        ("2/test.json", lambda x: {**x, "000_posed_0": 0}, "in one test list"),
        ("1/train.json", lambda x: {**x, "000_posed_0": 0}, "in both lists"),
    ],
)  # fmt: skip
def test_json_lists_that_do_not_fit_are_refused(
    tmp_path, name, change, message
):
    clips = make_clips(12)
    write_json_folds(tmp_path, clips)
    change_json(tmp_path / name, change)
    with pytest.raises(ValueError, match=message):
        read_test_folds(clips, tmp_path)


def test_json_that_is_broken_is_refused(tmp_path):
    clips = make_clips(12)
    write_json_folds(tmp_path, clips)
    (tmp_path / "1" / "test.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        read_test_folds(clips, tmp_path)


def test_an_empty_folder_and_no_file_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Expected folders 1, 2"):
        read_test_folds(make_clips(5), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"folds=.*none"):
        read_test_folds(make_clips(5), tmp_path / "none")
