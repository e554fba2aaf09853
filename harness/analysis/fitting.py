"""Tables that fit a terminal: columns that have no room beside the others go into a further table below."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.table import Table
from rich.text import Text

LONGEST_PLACE = 30  # columns of a name beside the numbers; a longer one goes on in the next line
LONGEST_NAME, SHORTEST_NAME = 34, 8  # the same beside sentences, and what is left of it where there is no room
SHORTEST_FLOW = 20  # columns that a sentence or a path is given at least
LONGEST_WORD = 24  # of a heading; a longer one is broken
GAP = 2  # columns between two


@dataclass(frozen=True)
class TextColumn:
    """A column of texts, none of which is read as mark-up."""

    heading: str
    cells: tuple[str, ...]
    is_text: bool = False  # among the columns of numbers: aligned on the left, and long cells go on in the next line
    flows: bool = False  # a place with sentences or paths, which take what room the others leave

    @property
    def width(self) -> int:
        """Columns of a terminal that it needs when its heading may go on in a further line."""
        words = [min(LONGEST_WORD, cell_len(word)) for word in self.heading.split()]
        return max([*words, *map(cell_len, self.cells)], default=0)

    @property
    def least(self) -> int:
        """Columns of a terminal that it is given when its cells may go on in a further line too."""
        return min(self.width, SHORTEST_FLOW if self.flows else LONGEST_PLACE)


def list_columns(cells: Iterable[tuple[str, Iterable[object]]]) -> tuple[TextColumn, ...]:
    """A column for each heading and its cells."""
    return tuple(TextColumn(heading, tuple(map(str, column))) for heading, column in cells)


@dataclass(frozen=True)
class FittingTable:
    """Columns that say what each row is about, columns of numbers, and a caption that stands below all of them.

    Names that are the same in every row stand once, above the table. A column of short texts may stand among the
    numbers.
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
        flexible = any(column.flows or column.is_text for column in (*places, *self.numbers))
        for names, numbers in self._split(places, options.max_width):
            yield _draw(names, numbers, options.max_width if flexible else None)
        if self.caption:
            yield Text(self.caption, style="italic")
        yield Text("")

    def _split(
        self, places: Sequence[TextColumn], room: int
    ) -> Iterator[tuple[Sequence[TextColumn], list[TextColumn]]]:
        """Places and columns of numbers of each table, as many as there is room for; what flows stands once."""
        names = [column for column in places if not column.flows] or places
        shown, group = places, list[TextColumn]()
        used = sum(column.least + GAP for column in shown)
        for column in self.numbers:
            needed = (column.least if column.is_text else column.width) + GAP
            if used + needed > room and (group or len(shown) > len(names)):
                yield shown, group
                shown, group = names, []
                used = sum(column.least + GAP for column in shown)
            group.append(column)
            used += needed
        yield shown, group


def _draw(places: Sequence[TextColumn], numbers: Sequence[TextColumn], room: int | None) -> Table:
    """A table whose columns' widths are decided here for this room, or by rich where no text gives way."""
    table = Table(box=None, padding=(0, 1), collapse_padding=True, header_style="bold")
    columns = (*places, *numbers)
    if room is not None:
        widths = _lay_out(columns, len(places), room)
        for number, (column, width) in enumerate(zip(columns, widths, strict=True)):
            justify: Literal["left", "right"] = "left" if number < len(places) or column.is_text else "right"
            # rich takes one of the first column's two blanks from its width
            table.add_column(escape(column.heading), justify=justify, overflow="fold", width=width + (number == 0))
    else:
        for column in places:
            table.add_column(escape(column.heading), overflow="fold", max_width=LONGEST_PLACE, vertical="bottom")
        for column in numbers:
            table.add_column(
                escape(column.heading), justify="right", overflow="fold", min_width=column.width, vertical="bottom"
            )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(escape(cell) for cell in cells))
    return table


def _lay_out(columns: Sequence[TextColumn], places: int, room: int) -> list[int]:
    """Columns of a terminal for each: headings are broken first, then what flows gives way, then texts and names."""
    numbers = [i for i, column in enumerate(columns) if i >= places and not column.is_text]
    flowing = [i for i, column in enumerate(columns) if column.flows]
    names = [i for i in range(places) if i not in flowing]
    texts = [i for i in range(places, len(columns)) if columns[i].is_text]
    widths = [
        max(cell_len(column.heading), *map(cell_len, column.cells)) if column.cells else cell_len(column.heading)
        for column in columns
    ]
    for i in (*names, *texts):
        widths[i] = min(columns[i].width, LONGEST_NAME)
    free = room - len(columns) - 1  # a blank beside each
    for group, floor in ((numbers, 0), (flowing, SHORTEST_FLOW), (texts, SHORTEST_NAME), (names, SHORTEST_NAME)):
        floors = {i: max(floor, columns[i].width if i in numbers else floor) for i in group}
        while sum(widths) > free and (wide := [i for i in group if widths[i] > floors[i]]):
            widths[max(wide, key=lambda i: widths[i])] -= 1
    return widths
