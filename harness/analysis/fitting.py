"""Tables that fit a terminal: columns of numbers that have no room beside the others go into a further table below."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.table import Table
from rich.text import Text

LONGEST_PLACE = 30  # columns of a name beside the numbers; a longer one goes on in the next line
LONGEST_WORD = 24  # of a heading; a longer one is broken
GAP = 2  # columns between two


@dataclass(frozen=True)
class TextColumn:
    """A column of texts, none of which is read as mark-up."""

    heading: str
    cells: tuple[str, ...]

    @property
    def width(self) -> int:
        """Columns of a terminal that it needs when its heading may go on in a further line."""
        words = [min(LONGEST_WORD, cell_len(word)) for word in self.heading.split()]
        return max([*words, *map(cell_len, self.cells)], default=0)


@dataclass(frozen=True)
class FittingTable:
    """Columns that say what each row is about, columns of numbers, and a caption that stands below all of them.

    Names that are the same in every row stand once, above the table.
    """

    places: tuple[TextColumn, ...]
    numbers: tuple[TextColumn, ...]
    caption: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As many tables as it takes to keep every number whole."""
        shared = [column for column in self.places if len(set(column.cells)) == 1 and column.cells[0]]
        places = [column for column in self.places if column not in shared]
        if shared:
            yield Text(" · ".join(column.cells[0] for column in shared), style="bold")
        for numbers in self._split(places, options.max_width):
            yield _draw(places, numbers)
        if self.caption:
            yield Text(self.caption, style="italic")
        yield Text("")

    def _split(self, places: Sequence[TextColumn], room: int) -> Iterator[list[TextColumn]]:
        """Groups of columns of numbers, each as wide as there is room beside the places."""
        taken = sum(min(column.width, LONGEST_PLACE) + GAP for column in places)
        group: list[TextColumn] = []
        used = taken
        for column in self.numbers:
            if group and used + column.width + GAP > room:
                yield group
                group, used = [], taken
            group.append(column)
            used += column.width + GAP
        yield group


def _draw(places: Sequence[TextColumn], numbers: Sequence[TextColumn]) -> Table:
    table = Table(box=None, padding=(0, 1), collapse_padding=True, header_style="bold")
    for column in places:
        table.add_column(escape(column.heading), overflow="fold", max_width=LONGEST_PLACE, vertical="bottom")
    for column in numbers:
        table.add_column(
            escape(column.heading), justify="right", overflow="fold", min_width=column.width, vertical="bottom"
        )
    for cells in zip(*(column.cells for column in (*places, *numbers)), strict=True):
        table.add_row(*(escape(cell) for cell in cells))
    return table
