"""What every picture says: its headline, and its text for who cannot see it."""


def finish(figure, title, description, fontsize=10):
    """Gives a picture its headline and its label.

    Args:
        figure: A matplotlib `Figure`.
        title: Headline; may be empty.
        description: What the picture shows, in words. With the headline it
            becomes the figure's label, which reports show in its place.
        fontsize: Of the headline, points.

    Example:

    >>> from matplotlib.figure import Figure
    >>> figure = Figure()
    >>> finish(figure, "Ages", "most are 20")
    >>> figure.get_label()
    'Ages: most are 20'
    """
    figure.suptitle(title, fontsize=fontsize)
    figure.set_label(f"{title}: {description}" if title else description)


def check_any(items, of):
    """Raises ValueError if there is nothing to draw; `of` says what."""
    if len(items) == 0:
        raise ValueError(f"Expected at least one {of}. Received: none")
