"""Which version becomes the champion."""

import pytest

from fdin_tf.training.champion import Registered
from fdin_tf.training.champion import takes_place


def facts(error, **others):
    return {
        "target": "age",
        "measure": "mae_years",
        "error": error,
        "data_fingerprint": "a",
        "folds": "10",
        **others,
    }


@pytest.mark.parametrize(
    ("new", "old", "takes", "reason"),
    [
        (facts(9.0), None, True, "no version was"),
        (facts(None), None, True, "no version was"),
        (facts(4.0), facts(5.0), True, "mae_years 4.000 .*not above 5.000"),
        (facts(5.0), facts(5.0), True, "mae_years 5.000 .*not above 5.000"),
        (facts(5.1), facts(5.0), False, "mae_years 5.100 .*, above 5.000"),
        (facts(4.0, folds="5"), facts(5.0), False, "other data or by other"),
        (facts(4.0, data_fingerprint="b"), facts(5.0), False, "other data"),
        (facts(None), facts(5.0), False, "not cross-validated"),
        (facts(4.0), facts(None), False, "not cross-validated"),
    ],
)
def test_the_place_is_taken_by_what_is_not_worse(new, old, takes, reason):
    found = takes_place(new, old)
    assert found[0] is takes
    with pytest.raises(ValueError, match=reason):
        raise ValueError(found[1])


def test_a_version_is_served_by_its_alias_or_its_number():
    champion = Registered("age", 3, "champion", True, "no version was")
    other = Registered("age", 4, "champion", False, "it is worse")
    assert champion.uri == "models:/age@champion"
    assert other.uri == "models:/age/4"
    assert str(champion) == "age, version 3, is the champion: no version was."
    assert str(other) == "age, version 4, is not the champion: it is worse."
