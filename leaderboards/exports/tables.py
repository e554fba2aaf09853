"""Tables in the shape of the study's Table 1: CSV, LaTeX and Markdown, the published rows below if wanted."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from sightscale.harness.pages import escape_markdown, show_value
from sightscale.leaderboards.exports.measured import Measured, as_sighted
from sightscale.leaderboards.published import HEADINGS, read_published, row_of_claims, row_of_published
from sightscale.tasks.errors import UserError

_LATEX = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "–": "--",
    "−": "$-$",
    "→": r"$\rightarrow$",
    "†": r"\dag{}",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table_cells(measured: Measured, visual_data: str, published: bool) -> list[list[str]]:
    """The run's row and, if wanted, the published ones, in the order of HEADINGS.

    Raises UserError when the published ones are wanted and the run didn't answer the questions that they did.
    """
    if published and not measured.on_hub_data:
        raise UserError(
            f"the published systems answered the whole public data, and this run didn't ({measured.caveats}); "
            "leave out --published, or run with --data hub and without --limit"
        )
    sighted = as_sighted(measured)
    rows = [row_of_claims(sighted.name, sighted.parts, visual_data, sighted.scores, sighted.averages)]
    return [
        [show_value(cell) for cell in row.cells()]
        for row in [*rows, *(map(row_of_published, read_published()) if published else ())]
    ]


def write_csv(measured: Measured, visual_data: str = "unk.", published: bool = False) -> str:
    """Comma-separated, with headings. A text that a spreadsheet would run gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADINGS)
    for cells in table_cells(measured, visual_data, published):
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return out.getvalue()


def write_latex(measured: Measured, visual_data: str = "unk.", published: bool = False) -> str:
    """A whole tabular with the columns of the study's Table 1, the run's row first."""
    columns = "l" + "r" * (len(HEADINGS) - 1)
    return write_tabular(HEADINGS, columns, table_cells(measured, visual_data, published))


def write_tabular(headings: Sequence[str], columns: str, rows: Sequence[Sequence[str]]) -> str:
    """A LaTeX tabular with booktabs' rules, every cell escaped."""
    head, *lines = (" & ".join(escape_latex(cell) for cell in row) + r" \\" for row in (headings, *rows))
    return "\n".join(
        (
            r"% \usepackage{booktabs}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            head,
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        )
    )


def write_markdown(measured: Measured, visual_data: str = "unk.", published: bool = False) -> str:
    """A Markdown table."""
    rows = [[escape_markdown(c) if i in (0, 3) else c for i, c in enumerate(row)] for row in
            table_cells(measured, visual_data, published)]  # fmt: skip
    head = [f"| {' | '.join(HEADINGS)} |", "|---|" + "--:|" * (len(HEADINGS) - 1)]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def escape_latex(text: str) -> str:
    """A text in LaTeX, with no character that means something there."""
    return "".join(_LATEX.get(character, character) for character in text)


TABLES: Mapping[str, Callable[[Measured, str, bool], str]] = {
    "csv": write_csv,
    "latex": write_latex,
    "markdown": write_markdown,
}
