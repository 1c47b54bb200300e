"""A bar on a terminal for what takes long: how far, how fast, how much longer. Elsewhere nothing."""

import contextlib

from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


_SHOWN_EVERY = 500
"""Records: telling the bar of each would cost more than reading it."""

Step = Callable[[], None]


class _Speed(TextColumn):
    """Records in a second."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        """See rich."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextlib.contextmanager
def progress(what: str, total: int | None) -> Iterator[Step]:
    """To be called for each record; `total` is how many there will be, where that is known."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=total)
        count = 0

        def step() -> None:
            nonlocal count
            count += 1
            if count % _SHOWN_EVERY == 0:
                bar.update(task, completed=count)

        yield step
