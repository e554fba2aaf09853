"""`sightscale compare`: two runs, question by question."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.terminal import open_console

if TYPE_CHECKING:
    import pandas as pd


def compare(
    first: Annotated[str, typer.Argument(help="Folder or records file of a run.")],
    second: Annotated[str, typer.Argument(help="Folder or records file of another run.")],
    condition: Annotated[str, typer.Option(help="Condition to compare under.")] = "sighted",
    detail: Annotated[bool, typer.Option(help="Show categories and axes as well as tasks.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write every finding as CSV.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write every finding as JSON.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for figures.")] = None,
) -> None:
    """Show FIRST − SECOND on the questions that both answered, with tests, and what each one costs."""
    from sightscale.harness.analysis import compare_runs, read_runs, render_findings, render_list

    one, two = read_runs([first, second])
    findings = compare_runs(one, two, condition)
    levels = ("task", "average", *(("category", "axis") if detail else ()))
    columns = {
        "difference": "± difference",
        "discordance": "discordant",
        "smallest difference": "smallest to be seen",
        "p (McNemar mid-p)": "#p, McNemar",
        "p (sign flips)": "#p, sign flips",
        "p (Holm)": "#p, Holm",
    }
    about = f"{one.label} − {two.label}, points, 95 % intervals. Smallest to be seen: with 80 % power at 5 %."
    console = open_console()
    console.print(render_findings(findings, columns, levels=levels, caption=about))
    costs = {name: f"#{name}" for name in findings.loc[findings["level"] == "cost", "measure"].unique()}
    about = "Cost: means per question. Thinking tokens are among the output tokens, told by their share of characters."
    console.print(render_list(findings, costs, levels=("cost",), across="run", caption=about))
    write_findings(findings, csv, json)
    if figures:
        write_figures({"comparison": draw_comparison(findings, f"{one.label} − {two.label}", levels)}, figures)


def draw_comparison(findings: "pd.DataFrame", title: str, levels: Sequence[str] = ("task", "average")) -> Any:
    """The differences of two runs as a forest plot."""
    from sightscale.harness.pages import draw_forest

    rows = findings[(findings["measure"] == "difference") & findings["level"].isin(levels)]
    names = rows["task"].where(rows["group"] == "all", rows["task"] + ": " + rows["group"])
    names = names.where(rows["level"] != "average", rows["group"])
    return draw_forest(rows.assign(name=names), title=title, axis="difference, percentage points (95 % interval)")
