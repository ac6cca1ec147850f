"""What Zhang et al. printed about GNet and SNet.

K. Zhang, L. Tan, Z. Li, Y. Qiao: Gender and Smile Classification using Deep
Convolutional Neural Networks. CVPR workshops 2016. Accuracies in % on the
validation images of FotW.
"""

PAPER_NAME = "Zhang et al., 2016"

#: Table 2: gender, by the steps that are taken.
TABLE_2 = {
    (4,): 84.04,
    (1, 4): 91.07,
    (1, 3, 4): 91.19,
    (1, 2, 4): 91.30,
    (1, 2, 3, 4): 91.66,
}

#: Table 3: by the target and the crops, whose probabilities are averaged.
TABLE_3 = {
    ("gender", (1,)): 89.34,
    ("gender", (2,)): 89.66,
    ("gender", (3,)): 91.66,
    ("gender", (4,)): 91.21,
    ("gender", (3, 4)): 91.32,
    ("smile", (1,)): 88.79,
    ("smile", (2,)): 88.66,
    ("smile", (5,)): 88.89,
    ("smile", (1, 5)): 89.34,
}

#: Section 4.3: the challenge's error, summed over the validation images.
CHALLENGE_ERROR = 263.5
