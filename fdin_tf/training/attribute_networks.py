"""The networks of the face-attribute study of Arbabzadah et al. (2016).

Four attributes of two base networks, each retrained in its dense layers or in
full: sixteen networks that rate photographs of faces.
"""

import dataclasses

import keras
import numpy as np
import pandas as pd

#: Name of a base network and what it is trained for.
BASES = {"age": "age_group", "gender": "gender"}

#: Which layers are retrained, and what the paper calls it.
RETRAINED = {"dense": "dense only", "all": "full"}


@dataclasses.dataclass(frozen=True, eq=False)
class AttributeStudy:
    """Trained networks, and the photographs that they were not shown.

    Attributes:
        networks: Dict from (attribute, base, layers), such as
            `("happiness", "age", "dense")`, to the network, which gives a
            rating in [0, 1]; see `transfer_levi_hassner`.
        bases: Dict from `"age"` and `"gender"` to the base network, which
            gives probabilities of `age_group` or `gender`.
        images: Image table of the test half.
        pixels: Uint8 array `(n, size, size, 3)`: its photographs, red, green
            and blue, 0..255.
        landmarks: Float array `(n, 68, 2)`: iBUG order, pixels, x then y;
            None where they are not known.
        masks: Dict from an attribute to a bool array `(n, size, size)`: the
            pixels that the planted rating shows in; None for people.
        is_synthetic: Whether the photographs are drawn.
    """

    networks: dict[tuple[str, str, str], keras.Model]
    bases: dict[str, keras.Model]
    images: pd.DataFrame
    pixels: np.ndarray
    landmarks: np.ndarray | None
    masks: dict[str, np.ndarray] | None
    is_synthetic: bool
