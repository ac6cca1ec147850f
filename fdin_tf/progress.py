"""One progress display for everything that takes time."""

from rich.console import Console
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn
from rich.progress import TimeRemainingColumn

# No markup: what is printed may be a path with brackets.
console = Console(stderr=True, highlight=False, markup=False)


def progress_bar():
    """A display of tasks with count, time spent and time left, on stderr.

    Use it as a context manager; `add_task(description, total=...)` gives a
    task, `advance(task)` moves it, and `print` writes a line above.
    """
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=console,
    )
