"""Tables that fit: no number is cut at any width, and a column without room stands in a further table."""

from io import StringIO

import pytest
from rich.console import Console

from sightscale.harness.analysis.fitting import FittingTable, TextColumn

NUMBER = "60.9 [57.8, 63.9]"
TABLE = FittingTable(
    (
        TextColumn("run", ("org/a-rather-long-model-name-of-somebody", "[red]b[/red]")),
        TextColumn("task", ("easy_vqa", "easy_vqa")),
    ),
    tuple(TextColumn(f"share of blind errors fixed {number}", (NUMBER, NUMBER)) for number in range(6)),
    "Per cent.",
)


def show(table: FittingTable, width: int) -> str:
    """What a terminal of that width shows."""
    stream = StringIO()
    Console(width=width, file=stream).print(table)
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_number_is_whole_and_every_line_fits(width: int) -> None:
    text = show(TABLE, width)
    assert text.count(NUMBER) == 12
    assert max(map(len, text.splitlines())) <= width


def test_a_narrow_terminal_gets_more_tables_and_one_caption() -> None:
    narrow, wide = show(TABLE, 60), show(TABLE, 200)
    assert narrow.count(" run ") > wide.count(" run ") == 1
    assert narrow.count("Per cent.") == wide.count("Per cent.") == 1


def test_a_long_heading_is_broken_and_not_cut() -> None:
    name = "decoupled:perception=somebody/a-vision-model,reasoning=somebody-else/a-language-model"
    table = FittingTable((TextColumn("task", ("a", "b")),), (TextColumn(name, (NUMBER, NUMBER)),) * 3)
    text = show(table, 80)
    assert "…" not in text and text.count(NUMBER) == 6 and max(map(len, text.splitlines())) <= 80


SENTENCE = "one sentence that takes more than the twenty columns it is given where the terminal is narrow"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_sentence_takes_what_room_is_left_and_stands_once(width: int) -> None:
    table = FittingTable(
        (TextColumn("task", ("a", "b")), TextColumn("question", (SENTENCE, ""), flows=True)),
        (TextColumn("guess", ("five words, no more, no less", "B"), is_text=True), *TABLE.numbers[:3]),
    )
    text = show(table, width)
    assert max(map(len, text.splitlines())) <= width and text.count(NUMBER) == 6 and "…" not in text
    assert text.count("question") == text.count("guess") == 1
    assert all(text.count(word) == 1 for word in ("twenty", "terminal", "five", "less"))


def test_a_path_alone_is_folded_and_not_cut() -> None:
    path = "/home/somebody/" + "a-long-folder/" * 8
    table = FittingTable((TextColumn("name", ("a", "b")), TextColumn("where", (path, "/b"), flows=True)), ())
    text = show(table, 60)
    start = text.index("where")
    assert "".join(line[start:].strip() for line in text.splitlines()) == f"where{path}/b"


def test_what_all_rows_share_stands_once_above_the_table_and_nothing_is_markup() -> None:
    text = show(TABLE, 200)
    assert text.startswith("easy_vqa\n") and text.count("easy_vqa") == 1
    assert "[red]b[/red]" in text
