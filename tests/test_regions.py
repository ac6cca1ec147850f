"""The nine regions: names, numbers, mirror image."""

import pytest

from fdin_tf.regions import MIRRORED
from fdin_tf.regions import REGIONS
from fdin_tf.regions import region_number


def test_the_mirrored_face_exchanges_left_and_right():
    exchange = {"left": "right", "right": "left"}
    for name, mirror in zip(REGIONS, MIRRORED):
        side, _, rest = name.partition("_")
        expected = f"{exchange[side]}_{rest}" if rest else name
        assert REGIONS[mirror] == expected


@pytest.mark.parametrize("region", ["chin", 9, -1, "0", 1.5, None])
def test_an_unknown_region_is_an_error(region):
    with pytest.raises(ValueError, match=r"left_eye.*Received: region="):
        region_number(region)
