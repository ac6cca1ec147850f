"""What Arbabzadah et al. printed about their sixteen networks.

F. Arbabzadah, G. Montavon, K.-R. Mueller, W. Samek: Identifying individual
facial expressions by deconstructing a neural network. GCPR 2016,
arXiv:1606.07285.
"""

from fdin_tf.data.images import ATTRIBUTES

PAPER_NAME = "Arbabzadah et al., 2016"

#: Table 1: mean absolute errors on the test half, in points of the scale of 1
#: to 9, by (attribute, base, layers).
TABLE_1 = {
    (attribute, base, layers): error
    for (base, layers), errors in {
        ("age", "dense"): (0.43, 0.41, 0.37, 0.33),
        ("age", "all"): (0.42, 0.42, 0.34, 0.31),
        ("gender", "dense"): (0.47, 0.36, 0.34, 0.35),
        ("gender", "all"): (0.43, 0.38, 0.52, 0.29),
    }.items()
    for attribute, error in zip(ATTRIBUTES, errors)
}
