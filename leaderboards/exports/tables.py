"""Tables in the shape of the study's Table 1: CSV, LaTeX and Markdown, the published rows below if wanted."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from sightscale.harness.pages import escape_markdown, show_value
from sightscale.leaderboards.exports.measured import Measured, as_sighted
from sightscale.leaderboards.published import HEADINGS, read_published, row_of_claims, row_of_published
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Condition

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

    A row of other questions than the published systems answered says so in its name. Raises UserError when those are
    wanted beside it.
    """
    if published and (reason := _find_difference(measured)):
        raise UserError(
            f"the published systems answered the whole public data with their pictures, and {reason}; "
            "leave out --published, or run with --data hub and without --limit"
        )
    sighted = as_sighted(measured)
    name = f"{sighted.name} ({'; '.join(measured.asked)})" if measured.asked else sighted.name
    rows = [row_of_claims(name, sighted.parts, visual_data, sighted.scores, sighted.averages)]
    return [
        [show_value(cell) for cell in row.cells()]
        for row in [*rows, *(map(row_of_published, read_published()) if published else ())]
    ]


def _find_difference(measured: Measured) -> str:
    """Why a run's numbers can't stand beside the published ones; empty where they can."""
    if not measured.on_hub_data:
        return f"this run didn't ({measured.caveats})"
    if measured.condition != Condition.SIGHTED:
        return f"these rows are blind ({measured.condition})"
    for task, estimate in measured.estimates.items():
        card = measured.card(task)
        if card and card.questions is not None and estimate.n != card.questions:
            return f"{task} has {estimate.n:,} of its {card.questions:,} questions here"
    return ""


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
