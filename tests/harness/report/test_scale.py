"""A report of runs that form a scale or a grid holds what the smaller models cost, and else nothing of it."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from sightscale.harness.pages.scatter import Point, draw_points
from sightscale.harness.pages.tables import Table
from sightscale.harness.report.contents import Contents, compute_contents
from sightscale.harness.report.folders import read_given
from sightscale.harness.report.write import Options, write_report
from sightscale.harness.statistics import Estimate

Make = Callable[..., pd.DataFrame]
Save = Callable[..., str]
TASKS = {"reading": (0.9, 0.4, 0.1), "counting": (0.8, 0.5, 0.3), "facts": (0.7, 0.65, 0.6)}  # large, small, blind


def hits(share: float, n: int = 200) -> np.ndarray:
    return (np.arange(n) < round(share * n)).astype(float)


def table_of(contents: Contents, name: str) -> Table | None:
    return next((table for table in contents.tables if table.name == name), None)


def test_a_scale_shows_its_drops_and_their_relation(make_rows: Make, save_run: Save, tmp_path: Path) -> None:
    large = [make_rows(task, "sighted", hits(one)) for task, (one, _, _) in TASKS.items()]
    large += [make_rows(task, "none", hits(blind)) for task, (_, _, blind) in TASKS.items()]
    small = [make_rows(task, "sighted", hits(one)) for task, (_, one, _) in TASKS.items()]
    folders = [
        Path(save_run("large", *large, kind="end-to-end", parameters=8_000_000_000)),
        Path(save_run("small", *small, kind="end-to-end", parameters=600_123_000)),
    ]
    contents, written = write_report(read_given(folders), tmp_path / "out", Options(pictures=False, resamples=500))
    drops = table_of(contents, "downscaling")
    assert drops and [row["task"] for row in drops.rows] == list(TASKS)
    assert abs(drops.rows[0]["drop"].value - 0.5) < 1e-9 and drops.rows[0]["sizes"] == "8B → 0.6B"
    relation = table_of(contents, "drop_against_reliance")
    assert relation and relation.rows[0]["value"].value == 1
    names = {path.name for path in written}
    assert {"downscaling.png", "drop_against_reliance.svg", "downscaling.csv"} <= names
    figure = next(one for one in contents.figures if one.name == "downscaling")
    assert "The largest clear loss is on reading: 50.0" in figure.finding


def test_a_grid_shows_what_either_module_costs(make_rows: Make, save_run: Save) -> None:
    shares = {("8", "8"): 0.8, ("8", "1"): 0.7, ("1", "8"): 0.5, ("1", "1"): 0.4, ("truth", "8"): 0.95, ("x", "8"): 0.6}
    folders = [
        Path(
            save_run(
                f"{p}-{r}",
                *(make_rows(task, "sighted", hits(share)) for task in TASKS),
                kind="decoupled",
                mode="direct",
                perception=p if p == "truth" else f"see-{p}b",
                reasoning=f"think-{r}b",
                perception_parameters=None if p in ("truth", "x") else int(p) * 10**9,
                reasoning_parameters=int(r) * 10**9,
            )
        )
        for (p, r), share in shares.items()
    ]
    contents = compute_contents(read_given(folders), resamples=500)
    table = table_of(contents, "bottleneck")
    assert table
    [mean] = [row for row in table.rows if row["effect"] == "perception drop" and not row["is_task"]]
    assert abs(mean["points"].value - 0.3) < 1e-9 and mean["modules"] == "see-8b → see-1b"
    figure = next(one for one in contents.figures if one.name == "bottleneck")
    assert figure.finding.startswith("Perception costs 30.0") and "reasoning costs 10.0" in figure.finding
    attribution = table_of(contents, "attribution")
    assert attribution and abs(attribution.rows[0]["only_better_perception_helps"].value - 0.2) < 1e-9


def test_runs_that_form_neither_get_neither(make_rows: Make, save_run: Save) -> None:
    rows = make_rows("t", "sighted", hits(0.5), kind="end-to-end", parameters=10**9)
    one, two = (Path(save_run(name, rows)) for name in ("one", "two"))
    scripted = Path(save_run("scripted", rows.assign(parameters=0)))  # no size, which isn't a small one
    contents = compute_contents(read_given([one, two, scripted]), resamples=200)
    assert table_of(contents, "downscaling") is None and table_of(contents, "bottleneck") is None


def test_points_lie_where_their_numbers_are_and_names_are_text() -> None:
    name = "<b>&\"' \u202ex"
    points = [
        Point(name, Estimate(0.5, 0.4, 0.6, 9, 9), Estimate(0.1, -0.1, 0.2, 9, 9)),
        Point("b", Estimate(0.0, float("nan"), float("nan"), 1, 1), Estimate(0.0, 0.0, 0.0, 1, 1)),
    ]
    for width in (760, 346):
        drawing = ET.fromstring(draw_points(points, "x", "y", width=width))
        first, second = (float(one.get("cx") or "nan") for one in drawing.iter("circle"))
        assert 0 < second < first < width
        assert not list(drawing.iter("b"))


def test_names_of_near_points_dont_lie_on_each_other() -> None:
    points = [Point(f"task number {n}", *(Estimate(0.5 + n / 200, 0.4, 0.6, 9, 9) for _ in range(2))) for n in range(4)]
    drawing = ET.fromstring(draw_points(points, "x", "y", width=760))
    named = [one for one in drawing.iter("text") if (one.text or "").startswith("task")]
    places = [(one.get("text-anchor"), float(one.get("y") or "nan")) for one in named]
    assert all(
        side != other or abs(y - at) >= 12 for number, (side, y) in enumerate(places) for other, at in places[:number]
    )
