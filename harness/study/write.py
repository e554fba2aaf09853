"""Writing: a study's findings, figures, verdicts and report, as files beside its runs."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sightscale.harness.analysis import (
    Run,
    compare_runs,
    find_bottleneck,
    find_downscaling,
    find_reliance,
    write_csv,
    write_json,
)
from sightscale.harness.pages import save_figures
from sightscale.harness.report import (
    Options,
    draw_bottleneck,
    draw_comparison,
    draw_downscaling,
    read_given,
    write_report,
)
from sightscale.harness.study.plan import PlannedRun, Purpose
from sightscale.harness.study.run import RUNS
from sightscale.harness.study.verdicts import Verdict, pair_runs, select_runs
from sightscale.tasks.errors import blaming


def write_analyses(runs: Mapping[PlannedRun, Run], blind: str, output: Path, resamples: int) -> None:
    """Write the findings of each analysis as CSV and JSON, and figures."""
    scale = select_runs(runs, Purpose.END_TO_END)
    grid = [*select_runs(runs, Purpose.GRID), *select_runs(runs, Purpose.TRUTH)]
    downscaling = find_downscaling(scale, blind, resamples=resamples)
    tables = {
        "reliance": find_reliance(scale, resamples=resamples),
        "downscaling": downscaling.findings,
        "bottleneck": find_bottleneck(grid, resamples=resamples),
    }
    figures = [*draw_downscaling(downscaling), *draw_bottleneck(tables["bottleneck"])]
    for pair in pair_runs(runs):
        name = pair.title.replace(" − ", "_against_").replace(" ", "_")
        tables[name] = compare_runs(pair.first, pair.second, resamples=resamples)
        figures.append(replace(draw_comparison(tables[name], pair.title), name=name))
    for name, findings in tables.items():
        write_csv(findings, output / f"{name}.csv")
        write_json(findings, output / f"{name}.json")
    save_figures(figures, output / "figures")


def write_verdicts(verdicts: Sequence[Verdict], output: Path, shipped: Verdict | None = None) -> Path:
    """Write verdicts as Markdown and as JSON; the Markdown file. `shipped` is what other records say of one."""
    lines = ["# Verdicts", "", "Points with 95 % intervals; the rule is the same for each effect.", ""]
    for verdict in verdicts:
        lines += [f"## {verdict.takeaway}. {verdict.says}", "", f"**{verdict.ruling}**", ""]
        lines += [f"- {effect}: {effect.ruling}" for effect in verdict.evidence] or ["- nothing to tell it by"]
        if shipped and shipped.takeaway == verdict.takeaway:
            lines += [f"- the entries that ship: {effect}: {effect.ruling}" for effect in shipped.evidence]
        lines += ["", f"The paper: {verdict.paper}", ""]
    rows = [
        {
            "takeaway": verdict.takeaway,
            "says": verdict.says,
            "ruling": verdict.ruling,
            "evidence": _list_evidence(verdict),
            "paper": verdict.paper,
            **(
                {"shipped": {"ruling": shipped.ruling, "evidence": _list_evidence(shipped)}}
                if shipped and shipped.takeaway == verdict.takeaway
                else {}
            ),
        }
        for verdict in verdicts
    ]
    text = json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False)
    with blaming(output, "write to"):
        (output / "verdicts.md").write_text("\n".join(lines), encoding="utf-8")
        (output / "verdicts.json").write_text(text + "\n", encoding="utf-8")
    return output / "verdicts.md"


def _list_evidence(verdict: Verdict) -> list[dict[str, Any]]:
    return [
        {
            "what": effect.what,
            **{name: _finite(value) for name, value in asdict(effect.estimate).items()},
            "style": effect.style,
            "ruling": effect.ruling,
        }
        for effect in verdict.evidence
    ]


def write_study_report(output: Path, resamples: int) -> None:
    """Write the report of all runs, in which every answer can be looked at."""
    write_report(read_given([output / RUNS]), output / "report", Options(resamples=resamples))


def _finite(value: Any) -> Any:
    """JSON has no NaN: a missing number becomes null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
