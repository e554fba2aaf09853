"""`sightscale study`: the controlled study, from its runs to a verdict on each takeaway."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.terminal import open_console, quieten

if TYPE_CHECKING:
    from sightscale.harness.analysis import Run
    from sightscale.harness.study import PlannedRun, Study, Verdict


def study(
    name: Annotated[str, typer.Argument(help="A shipped study's name, or a YAML file.")],
    output: Annotated[Path, typer.Option(help="Folder for runs, findings, figures and verdicts.")],
    train: Annotated[
        bool, typer.Option("--train", help="Make the study's checkpoints from their recipes first.")
    ] = False,
    questions: Annotated[
        int | None, typer.Option(min=1, help="Questions of each task.  [default: the study's]")
    ] = None,
    resamples: Annotated[int, typer.Option(min=200, help="Resamples of each interval.")] = 10_000,
) -> None:
    """Run what a study lacks, analyse it, and say of each takeaway of the paper whether it is supported.

    Run the same command again to go on where it stopped. A P × R grid takes P perception passes.
    """
    quieten()
    from sightscale.harness.study import (
        CHECKPOINTS,
        check_models,
        give_verdicts,
        load_study,
        locate_models,
        recipes_of,
        run_study,
        train_recipes,
    )

    chosen = load_study(name)
    if questions:
        chosen = chosen.model_copy(update={"questions": questions})
    if train:
        train_recipes(list(recipes_of(chosen)), output, _say)
    chosen = locate_models(chosen, output / CHECKPOINTS)
    check_models(chosen)
    runs = run_study(chosen, output, _say)
    blind = chosen.blind.split(",")[0]
    _write_analyses(runs, blind, output, resamples)
    verdicts = give_verdicts(runs, blind, resamples=resamples)
    _show(chosen, runs, verdicts)
    _write(verdicts, output)
    _write_report(output, resamples)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _write_analyses(runs: Mapping["PlannedRun", "Run"], blind: str, output: Path, resamples: int) -> None:
    """Findings as CSV and JSON, and figures, of each analysis."""
    from sightscale.harness.analysis import compare_runs, find_bottleneck, find_downscaling, find_reliance
    from sightscale.harness.commands.bottleneck import draw_bottleneck
    from sightscale.harness.commands.compare import draw_comparison
    from sightscale.harness.commands.downscale import draw_downscaling
    from sightscale.harness.study import of_role, pair_runs

    scale = of_role(runs, "end-to-end")
    reliance = find_reliance(scale, resamples=resamples)
    downscaling = find_downscaling(scale, blind, resamples=resamples)
    bottleneck = find_bottleneck([*of_role(runs, "grid"), *of_role(runs, "truth")], resamples=resamples)
    for label, findings in (
        ("reliance", reliance),
        ("downscaling", downscaling.findings),
        ("bottleneck", bottleneck),
    ):
        write_findings(findings, output / f"{label}.csv", output / f"{label}.json")
    charts = draw_downscaling(downscaling) | draw_bottleneck(bottleneck)
    for what, first, second in pair_runs(runs):
        findings = compare_runs(first, second, resamples=resamples)
        name = what.replace(" − ", "_against_").replace(" ", "_")
        write_findings(findings, output / f"{name}.csv", output / f"{name}.json")
        charts[name] = draw_comparison(findings, what)
    write_figures(charts, output / "figures")


def _write_report(output: Path, resamples: int) -> None:
    """The report of all runs, in which every answer can be looked at."""
    from sightscale.harness.report import Options, read_given, write_report
    from sightscale.harness.study import RUNS

    write_report(read_given([output / RUNS]), output / "report", Options(resamples=resamples))


def _show(chosen: "Study", runs: Mapping["PlannedRun", "Run"], verdicts: Sequence["Verdict"]) -> None:
    from rich.markup import escape
    from rich.table import Table

    questions = max(len(run.records[run.records["condition"] == "sighted"]) for run in runs.values())
    about = f"{escape(chosen.name)}: {len(runs)} runs of {questions:,} questions; points with 95 % intervals."
    table = Table(caption=about, caption_justify="left", show_lines=True)
    for column in ("takeaway", "verdict", "what this study says", "what the paper says"):
        table.add_column(column, overflow="fold")
    for one in verdicts:
        said = "\n".join(f"{escape(str(part))} ({part.ruling})" for part in one.evidence) or "nothing to tell it by"
        table.add_row(f"{one.takeaway}. {one.says}", one.ruling, said, one.paper)
    open_console().print(table)


def _write(verdicts: Sequence["Verdict"], output: Path) -> None:
    """Verdicts as Markdown and as JSON."""
    lines = ["# Verdicts", "", "Points with 95 % intervals; the rule is the same for each effect.", ""]
    for one in verdicts:
        lines += [f"## {one.takeaway}. {one.says}", "", f"**{one.ruling}**", ""]
        lines += [f"- {part}: {part.ruling}" for part in one.evidence] or ["- nothing to tell it by"]
        lines += ["", f"The paper: {one.paper}", ""]
    (output / "verdicts.md").write_text("\n".join(lines), encoding="utf-8")
    told = [
        {
            "takeaway": one.takeaway,
            "says": one.says,
            "ruling": one.ruling,
            "evidence": [
                {name: _finite(value) for name, value in asdict(part).items()} | {"ruling": part.ruling}
                for part in one.evidence
            ],
            "paper": one.paper,
        }
        for one in verdicts
    ]
    text = json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False)
    (output / "verdicts.json").write_text(text + "\n", encoding="utf-8")
    print(f"verdicts in {output / 'verdicts.md'}, findings, figures and the report beside it", file=sys.stderr)


def _finite(value: object) -> object:
    """JSON has no NaN: a missing number becomes null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
