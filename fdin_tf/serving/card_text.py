"""A model's card as a page to be read."""

_ANSWERS = {
    "age": "the age of the person in a clip, in years",
    "gender": "the gender label that a database would give, in two classes",
    "spontaneity": "whether an expression is posed or spontaneous",
    "smile": "whether the person in a photograph smiles",
}
_DRAWN = (
    "**This model was trained and tested on drawn faces.** It shows that the "
    "way from files to answers works. Its answers mean nothing for people, "
    "and no number on this page is an error on people."
)
_INTENDED = (
    "Research on facial expressions and on networks that read them: "
    "comparisons under the protocol below, on recordings like those of the "
    "training, of people who agreed to it."
)
_NOT_FOR = (
    "Decisions about a person: access, employment, credit, insurance, "
    "policing, migration, health.",
    "Checking an identity or an age, or finding out what somebody feels or is.",
    "Recordings of people who did not agree to them, or that the licence of a "
    "database or the law of the place forbids.",
    "Carrying an error from one population, camera or expression to another: "
    "measure it anew.",
)
_COLUMNS = {
    "grouped_by": "by",
    "mae_years": "mean absolute error, years",
    "standard_error_years": "standard error, years",
    "cumulative_score_5": "within 5 years, %",
    "baseline_mae_years": "error of answering the mean age, years",
    "standard_error": "standard error, %",
    "accuracy": "accuracy, %",
    "balanced_accuracy": "balanced accuracy, %",
    "baseline_accuracy": "accuracy of the commonest answer, %",
}
# Of `cross_validation`, what is a list of every clip is left to the JSON.
_NUMBERS = (int, float, str)


def is_drawn(card):
    """Whether a model was trained on drawn faces, by its card.

    Args:
        card: Card of an exported model.

    Example:

    >>> is_drawn({"trained_on": {"databases": ["Synthetic_Smile_Database"]}})
    True
    """
    trained_on = card.get("trained_on")
    if not isinstance(trained_on, dict):
        return False
    names = trained_on.get("databases", ())
    return bool(trained_on.get("is_drawn")) or any(
        name.startswith("Synthetic") for name in names
    )


def card_text(card):
    """The card as Markdown: data, folds, errors per group, use and misuse.

    Every number is the card's own; what it does not hold is said to be
    unknown.

    Args:
        card: Card of an exported model, of `model_card` or `image_card`.

    Returns:
        Text.

    Example:

    >>> text = card_text({"name": "mine", "target": "age"})
    >>> text.splitlines()[0]
    '# Model card: mine'
    >>> "Not tested." in text
    True
    """
    name, target = card.get("name", "a model"), card.get("target")
    answer = _ANSWERS.get(target, f"`{target}`")
    classes = ", ".join(f"`{x}`" for x in card.get("classes", ()))
    parts = [
        f"# Model card: {name}",
        _DRAWN if is_drawn(card) else "",
        f"Estimates {answer}" + (f": {classes}." if classes else "."),
        "## Data",
        _lines(card.get("trained_on", {})) or "Unknown.",
        "## How it was tested",
        _lines(_tested(card)) or "Not tested.",
        *_errors(card.get("errors", ())),
        "## Intended use",
        _INTENDED,
        "## Limits",
        card.get("limits", "Unknown: take none of its answers for a fact."),
        "## What must not be done with it",
        "\n".join(f"- {line}" for line in _NOT_FOR),
        "## How it was made",
        _lines({**card.get("facts", {}), **card.get("versions", {})})
        or "Unknown.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _tested(card):
    """Folds and overall figures, of clips or of photographs."""
    tested = card.get("cross_validation") or card.get("tested") or {}
    folds = card.get("facts", {}).get("folds")
    return {
        **({"folds": folds} if folds else {}),
        **{
            _COLUMNS.get(name, name): value
            for name, value in tested.items()
            if isinstance(value, _NUMBERS)
        },
    }


def _errors(records):
    """A table of the errors, if there are any."""
    if not records:
        return []
    names = [*records[0]]
    rows = [
        [_COLUMNS.get(name, name.replace("_", " ")) for name in names],
        [
            "---" if name in ("grouped_by", "group") else "---:"
            for name in names
        ],
        *([_cell(record[name]) for name in names] for record in records),
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return ["## Errors per group", table]


def _lines(facts):
    if not isinstance(facts, dict):
        return _cell(facts)
    return "\n".join(
        f"- {name.replace('_', ' ')}: {_cell(value)}"
        for name, value in facts.items()
    )


def _cell(value):
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    # One line; a name from a file must not end a cell of the table.
    return " ".join(str(value).replace("|", "\\|").split())
