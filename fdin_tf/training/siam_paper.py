"""What Pei et al. printed, and what the networks in their tables are called.

W. Pei, H. Dibeklioglu, T. Baltrusaitis, D. M. J. Tax: Attended End-to-end
Architecture for Age Estimation from Facial Expression Videos. IEEE
Transactions on Image Processing 29 (2020), arXiv:1711.08690. The model is
SIAM. All numbers are mean absolute errors of age in years over videos, from
10-fold cross-validation, about the UvA-NEMO smile database where nothing else
is said; "±" is the standard deviation of the absolute errors over videos.
"""

#: Titles of the mechanisms of spatial attention, in the order of Table I.
MECHANISM_TITLES = {
    "spatially_agnostic": "Spatially-agnostic",
    "fully_spatially_indexed": "Fully spatially-indexed",
    "mediate_spatially_indexed": "Mediate spatially-indexed",
    "spatially_indexed": "Spatially-indexed",
}

#: Titles of the networks of Figure 6: each has one module more than the one
#: before, the last one all four.
MODULE_TITLES = {
    "appearance": "Appearance",
    "recurrent": "+ recurrent",
    "spatial_attention": "+ spatial attention",
    "temporal_attention": "+ temporal attention",
}

#: Titles of SIAM and its variants among networks, in the order of the paper.
SIAM_TITLES = {
    **{
        f"siam_{mechanism}{place}": f"{title}{words}"
        for place, words in (
            ("", ""),
            ("_after_1", ", after convolution 1"),
            ("_after_3", ", after convolution 3"),
        )
        for mechanism, title in MECHANISM_TITLES.items()
    },
    "siam_cnn": "SIAM, appearance alone",
    "siam_cnn_rnn": "SIAM, no attention",
    "siam_cnn_rnn_spatial": "SIAM, spatial attention alone",
    "siam": "SIAM",
}

#: Columns of Table III, years of age.
DECADES = tuple(f"{first}-{first + 9}" for first in range(0, 80, 10))

#: Videos of each decade of age, the last row of Table III.
DECADE_CLIPS = dict(zip(DECADES, (158, 333, 215, 171, 250, 66, 30, 17)))


def _row(mae, sd):
    return {"mae_years": mae, "sd_years": sd}


def _row_3(kind, mae, sd, decades):
    return {**_row(mae, sd), "kind": kind, **dict(zip(DECADES, decades))}


#: The paper's tables I to IV: number of the table, row, column, value.
#:
#: Rows of other methods are quoted there from Dibeklioglu et al. (IEEE
#: Transactions on Image Processing 24, 2015). In every row of Table III the
#: decades, weighted by their videos, give the error of all videos within what
#: rounding to 0.01 allows. The rows "VLBP" and "Displacement" agree with Table
#: 3 of Kim and Ro (ECCV 2018), "IEF + dynamics" does not (there 4.33).
SIAM_PAPER = {
    # Mechanisms of spatial attention.
    1: {
        "spatially_agnostic": _row(4.95, 5.77),
        "fully_spatially_indexed": _row(4.94, 5.65),
        "mediate_spatially_indexed": _row(5.01, 5.45),
        "spatially_indexed": _row(4.74, 5.70),
    },
    # Phases that a network trained on whole expressions is shown.
    2: {
        "onset": _row(8.41, 8.95),
        "apex": _row(5.91, 7.05),
        "offset": _row(8.75, 9.68),
        "onset + apex": _row(5.04, 5.80),
        "apex + offset": _row(5.13, 5.83),
        "onset + apex + offset": _row(4.74, 5.70),
    },
    # Methods, by decade of age.
    3: {
        "VLBP": _row_3(
            "spatio-temporal", 15.70, 12.40,
            (10.69, 12.95, 15.99, 18.54, 18.43, 16.58, 23.80, 26.59),
        ),
        "LBP-TOP": _row_3(
            "spatio-temporal", 13.83, 10.97,
            (9.71, 11.01, 14.19, 15.88, 16.75, 15.29, 19.70, 23.71),
        ),
        "Deformation": _row_3(
            "dynamics", 10.81, 8.85,
            (4.85, 8.72, 12.22, 13.06, 13.53, 11.55, 14.13, 17.82),
        ),
        "Displacement": _row_3(
            "dynamics", 11.54, 11.49,
            (5.42, 9.67, 11.98, 14.53, 12.77, 15.42, 20.57, 20.35),
        ),
        "IEF, neutral": _row_3(
            "appearance", 5.21, 4.48,
            (3.27, 3.96, 4.86, 6.11, 5.53, 8.24, 12.89, 13.35),
        ),
        "IEF, fusion": _row_3(
            "appearance", 5.71, 4.65,
            (3.54, 4.38, 5.43, 6.74, 6.01, 8.96, 13.52, 14.05),
        ),
        "LBP, neutral": _row_3(
            "appearance", 5.67, 4.97,
            (3.86, 4.65, 5.87, 6.82, 5.58, 8.32, 9.84, 11.9),
        ),
        "LBP, fusion": _row_3(
            "appearance", 6.12, 5.11,
            (4.18, 4.99, 6.31, 7.37, 6.19, 8.67, 10.34, 12.93),
        ),
        "CNNs": _row_3(
            "appearance", 5.13, 5.68,
            (2.30, 3.09, 4.69, 5.26, 5.82, 10.58, 17.20, 23.29),
        ),
        "IEF + dynamics": _row_3(
            "appearance and dynamics", 5.00, 4.25,
            (3.96, 4.45, 4.50, 5.29, 4.74, 6.85, 12.43, 11.94),
        ),
        "LBP + dynamics": _row_3(
            "appearance and dynamics", 5.29, 4.36,
            (3.49, 4.68, 5.13, 5.85, 5.24, 7.05, 12.17, 12.00),
        ),
        "SIAM": _row_3(
            "appearance and dynamics", 4.74, 5.70,
            (1.79, 2.45, 4.26, 4.97, 5.36, 11.86, 16.43, 23.12),
        ),
    },
    # Methods on posed disgust and on posed smiles alone.
    4: {
        "posed disgust": {
            "IEF + dynamics": _row(5.06, 4.45),
            "LBP + dynamics": _row(5.19, 4.51),
            "SIAM": _row(6.96, 7.24),
        },
        "posed smile": {
            "IEF + dynamics": _row(4.91, 4.17),
            "LBP + dynamics": _row(5.16, 4.30),
            "SIAM": _row(6.41, 6.65),
        },
    },
}  # fmt: skip

#: Errors of the networks of Figure 6, in years, as the text gives them (V-B).
SIAM_MODULES = {
    "appearance": 5.13,
    "recurrent": 4.93,
    "spatial_attention": 4.81,
    "temporal_attention": 4.74,
}
