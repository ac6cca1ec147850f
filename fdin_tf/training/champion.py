"""Which of two versions of a registered model is the better one."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Registered:
    """A version of a registered model.

    Attributes:
        name: Name of the registered model.
        version: Its new version, from 1.
        alias: The alias that was asked for.
        has_alias: Whether the alias is on this version now.
        reason: Why, in words.
    """

    name: str
    version: int
    alias: str
    has_alias: bool
    reason: str

    @property
    def uri(self):
        """What `mlflow models serve -m` takes."""
        place = f"@{self.alias}" if self.has_alias else f"/{self.version}"
        return f"models:/{self.name}{place}"

    def __str__(self):
        is_not = "is" if self.has_alias else "is not"
        return (
            f"{self.name}, version {self.version}, {is_not} the {self.alias}: "
            f"{self.reason}."
        )


def takes_place(new, old):
    """Whether a model may take the place of another, and why.

    It may if both were cross-validated on the same data by the same folds and
    its error is not above the other's; errors on other data cannot be
    compared.

    Args:
        new: Dict of `measured_facts`.
        old: That of the other model; None: the place is free.

    Returns:
        Pair of a bool and the reason in words.

    Example:

    >>> tested = {"measure": "mae_years", "data_fingerprint": "a", "folds": "b"}
    >>> takes_place({**tested, "error": 5.0}, {**tested, "error": 4.0})
    (False, 'mae_years 5.000 in cross-validation, above 4.000')
    """
    if old is None:
        return True, "no version was"
    if any(new[what] != old[what] for what in ("data_fingerprint", "folds")):
        return False, "it was tested on other data or by other folds"
    if new["error"] is None or old["error"] is None:
        return False, "one of the two was not cross-validated"
    is_better = new["error"] <= old["error"]
    return is_better, (
        f"{new['measure']} {new['error']:.3f} in cross-validation, "
        f"{'not above' if is_better else 'above'} {old['error']:.3f}"
    )
