"""Entries of a card, each of the kind that it must be."""

import numbers

from fdin_tf.plain_text import one_line
from fdin_tf.plain_text import quoted
from fdin_tf.plain_text import reason_of

_LARGEST = 1e9  # of any number: beyond, something is damaged
_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


class CardEntries:
    """A card that is read entry by entry; a bad one is a ValueError.

    Args:
        card: Dict of `card.json`.
        path: Folder of the model, which messages name.

    Example:

    >>> CardEntries({"size": 96}, "saved_models/mine/1").required("size", int)
    96
    """

    def __init__(self, card, path):
        self.card = card
        self.path = path

    def check(self, name, value, holds, expected):
        """Refuses a value that is not as expected."""
        if not holds:
            raise ValueError(
                f"{one_line(self.path)}: expected a card whose `{name}` is "
                f"{expected}. Received: {name}={quoted(value)}"
            )

    def kind(self, name, value, kind):
        """The value, which must be of a kind of `_KINDS`."""
        self.check(name, value, is_of(value, kind), _KINDS[kind])
        return value

    def required(self, name, kind):
        """The entry of a name, of a kind."""
        return self.kind(name, self.card.get(name), kind)

    def optional(self, name, kind):
        """The same, or an empty one where there is none."""
        value = self.card.get(name)
        return kind() if value is None else self.kind(name, value, kind)

    def one_of(self, name, known):
        """The entry of a name, which must be one that is known."""
        value = self.card.get(name)
        self.check(name, value, value in known, f"one of {', '.join(known)}")
        return value

    def list_of(self, name, kind, values):
        """The values, which must be a list that is not empty."""
        holds = (
            isinstance(values, list)
            and len(values) > 0
            and all(is_of(value, kind) for value in values)
        )
        self.check(name, values, holds, f"a list, each of it {_KINDS[kind]}")
        return values

    def check_names(self, name, values, known, some=False):
        """Refuses an object of other entries."""
        holds = set(values) <= set(known) if some else set(values) == set(known)
        expected = f"{'some' if some else 'all'} of {', '.join(known)}"
        self.check(name, list(values), holds, f"an object of {expected}")

    def made(self, name, make):
        """What is made of an entry, if it is accepted."""
        try:
            return make()
        except ValueError as error:
            raise ValueError(
                f"{one_line(self.path)}: the card's `{name}`: "
                f"{reason_of(error)}"
            ) from None


def is_of(value, kind):
    """Whether a value of JSON is of a kind; a number, a finite one."""
    if kind in (int, float):
        whole = numbers.Integral if kind is int else numbers.Real
        is_number = isinstance(value, whole) and not isinstance(value, bool)
        return is_number and -_LARGEST <= value <= _LARGEST  # no NaN either
    return isinstance(value, kind)
