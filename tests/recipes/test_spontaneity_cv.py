"""recipes.spontaneity_cv: posed or spontaneous, by the same way."""

import pandas as pd

from fdin_tf.training.class_metrics import class_errors


def test_smoke_tells_posed_from_spontaneous_smiles(recipe, cache_dir, capsys):
    errors = recipe("spontaneity_cv")("smoke", "--fit.epochs", 1)
    assert errors.clips[0] == 16
    out = capsys.readouterr().out
    assert "truly spontaneous" in out
    assert "female >19" in out
    (folder,) = (cache_dir / "runs").glob("spontaneity_cv-spontaneity-*")
    found = pd.read_csv(folder / "predictions.csv", dtype={"subject": str})
    assert found.estimate.between(0, 1).all()
    # Folds hold one posed and one spontaneous clip of every subject.
    assert (found.baseline == 0.5).all()
    pd.testing.assert_frame_equal(errors, class_errors(found, "spontaneity"))
    groups = pd.read_csv(folder / "importance_groups.csv")
    assert set(groups.group) == {"posed", "spontaneous"}
    assert set(groups.grouped_by) == {"smile type"}
