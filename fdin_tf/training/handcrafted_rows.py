"""The handcrafted methods of the papers' tables, each as a row.

What the papers tell of a method is taken; what they leave open (settings of
descriptors and learners, age groups, how two things are combined) is chosen
once, here, in `fdin_tf.training.handcrafted_features` and in
`fdin_tf.handcrafted.learners`. `docs/handcrafted.md` lists it row by row.
"""

import dataclasses

#: Places of `Part.inputs`: of descriptors of single faces, the first and the
#: last frame of the onset; of clips, the only one.
NEUTRAL, EXPRESSIVE, CLIP = 0, 1, 0


@dataclasses.dataclass(frozen=True)
class Part:
    """One learner and what it is given.

    Attributes:
        inputs: Pairs of a descriptor's name and a place, appearance first.
        learner: One of `fdin_tf.handcrafted.learners.LEARNERS`.
    """

    inputs: tuple[tuple[str, int], ...]
    learner: str

    @property
    def descriptors(self):
        """Names of the descriptors."""
        return tuple(name for name, _ in self.inputs)


@dataclasses.dataclass(frozen=True)
class Row:
    """A method: the mean of its parts' answers, or a weighted one of two.

    Attributes:
        target: `age` or `gender`.
        title: What it is called, but for `re-implemented`.
        parts: Tuple of `Part`.
        printed: What the same method is called in `PAPER` and `SIAM_PAPER`;
            names that only one of them knows are no harm. Empty: its number
            is about another combination, or there is none.
        is_weighted: Whether the weight of the first of two parts is chosen
            on validation clips.
    """

    target: str
    title: str
    parts: tuple[Part, ...]
    printed: tuple[str, ...] = ()
    is_weighted: bool = False


def _row(title, inputs, learner, printed=(), target="age"):
    return Row(target, title, (Part(tuple(inputs), learner),), printed)


def _fusion(descriptor):
    """Both frames' own learners."""
    return tuple(
        Part(((descriptor, place),), "svr") for place in (NEUTRAL, EXPRESSIVE)
    )


def _with_dynamics(descriptor, learner="adaptive_groups"):
    return ((descriptor, NEUTRAL), ("deformation", CLIP)), learner


def _gender(title, learner, with_appearance=False):
    dynamics = Part((("gender", CLIP),), learner)
    appearance = Part((("lbp", NEUTRAL),), "svc")
    parts = (appearance, dynamics) if with_appearance else (dynamics,)
    return Row("gender", title, parts, is_weighted=with_appearance)


#: Rows by name, in the order of the papers' tables: of age Tables 3 (Kim and
#: Ro) and III (Pei et al.), of gender Table 5.
ROWS = {
    "vlbp": _row("VLBP", [("vlbp", CLIP)], "age_group_tree", ("VLBP",)),
    "lbp_top": _row("LBP-TOP", [("lbp_top", CLIP)], "svr", ("LBP-TOP",)),
    "displacement": _row(
        "Displacement", [("displacement", CLIP)], "svr", ("Displacement",)
    ),
    "deformation": _row(
        "Deformation", [("deformation", CLIP)], "svr", ("Deformation",)
    ),
    "lbp": _row("LBP, neutral", [("lbp", NEUTRAL)], "svr", ("LBP, neutral",)),
    "lbp_fusion": Row("age", "LBP, fusion", _fusion("lbp"), ("LBP, fusion",)),
    "bif": _row("BIF", [("bif", NEUTRAL)], "svr", ("BIF",)),
    "ief": _row("IEF, neutral", [("ief", NEUTRAL)], "svr", ("IEF, neutral",)),
    "ief_fusion": Row("age", "IEF, fusion", _fusion("ief"), ("IEF, fusion",)),
    "lbp_dynamics": _row(
        "LBP + dynamics", *_with_dynamics("lbp"), ("LBP + dynamics",)
    ),
    "bif_dynamics": _row(
        "BIF + dynamics", *_with_dynamics("bif"), ("BIF + dynamics",)
    ),
    "ief_dynamics": _row(
        "IEF + dynamics", *_with_dynamics("ief"), ("IEF + dynamics",)
    ),
    "dynamics_tree": _gender("Dynamics (tree)", "tree"),
    "dynamics_svm": _gender("Dynamics (SVM)", "svc"),
    "dynamics_bagged_trees": _gender("Dynamics (bagged trees)", "bagged_trees"),
    "lbp_svm": _row("LBP (SVM)", [("lbp", NEUTRAL)], "svc", target="gender"),
    "lbp_dynamics_tree": _gender("LBP + dynamics (tree)", "tree", True),
    "lbp_dynamics_svm": _gender("LBP + dynamics (SVM)", "svc", True),
    "lbp_dynamics_bagged_trees": _gender(
        "LBP + dynamics (bagged trees)", "bagged_trees", True
    ),
}

#: Titles of the rows among networks.
ROW_TITLES = {
    name: f"{row.title}, re-implemented" for name, row in ROWS.items()
}


def rows_of(names, target):
    """Names of rows of one target, in the order of `ROWS`.

    Args:
        names: Names of `ROWS`; `all` stands for every one.
        target: `age` or `gender`; others have none.

    Returns:
        Tuple of names.

    Raises:
        ValueError: If there is no such row.

    Example:

    >>> rows_of(["lbp_svm", "vlbp"], "age")
    ('vlbp',)
    """
    for name in names:
        if name != "all" and name not in ROWS:
            raise ValueError(
                f"Expected handcrafted rows of all, {', '.join(ROWS)}. "
                f"Received: {name!r}"
            )
    return tuple(
        name
        for name, row in ROWS.items()
        if row.target == target and ("all" in names or name in names)
    )


def printed_row(name, table):
    """The key of a row's method in a table of a paper, or None.

    Args:
        name: Name of a row, or of a network.
        table: Dict of rows, such as `PAPER[3]`.

    Returns:
        For a network its own name.

    Example:

    >>> printed_row("displacement", {"Displacement": {"mae_years": 11.54}})
    'Displacement'
    """
    keys = ROWS[name].printed if name in ROWS else (name,)
    return next((key for key in keys if key in table), None)
