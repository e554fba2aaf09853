"""What the study prints of its Figures 3 to 5 and of its Table A1, computed again from runs with those scores.

Which questions a model gets right isn't published: easy ones are right first, which leaves every mean as printed.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.analysis.bottleneck import find_bottleneck
from sightscale.harness.analysis.comparison import compare_runs
from sightscale.harness.analysis.downscaling import find_downscaling
from sightscale.harness.analysis.matched_runs import read_runs

Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]
N = 1500


def hits(share: float) -> np.ndarray:
    return (np.arange(N) < round(share * N)).astype(float)


@pytest.mark.parametrize(
    ("task", "perception", "reasoning"), [("in_domain_gqa", 0.15, 0.11), ("mmstar_math", 0.07, 0.06)]
)
def test_figure_3(save_run: Save, make_rows: Make, task: str, perception: float, reasoning: float) -> None:
    best = 0.8
    cells = {(p, r): hits(best - perception * (p < 1) - reasoning * (r < 1)) for p in (8, 0.6) for r in (8, 0.6)}
    folders = [
        save_run(f"{p}-{r}", make_rows(task, "sighted", scores)) + f"={p}:{r}" for (p, r), scores in cells.items()
    ]
    found = find_bottleneck(read_runs(folders), resamples=200)
    drops = found[found["level"] == "task"].set_index("measure")["value"]
    assert drops["perception drop"] == pytest.approx(perception, abs=1e-3)
    assert drops["reasoning drop"] == pytest.approx(reasoning, abs=1e-3)
    assert drops["perception drop − reasoning drop"] == pytest.approx(perception - reasoning, abs=1e-3)


@pytest.mark.parametrize(
    ("task", "captions", "extraction", "gain"),
    [
        ("in_domain_gqa", 0.776, 0.828, 5.2),
        ("in_domain_gqa", 0.803, 0.844, 4.1),
        ("mmstar_math", 0.404, 0.440, 3.6),
        ("mmstar_math", 0.444, 0.490, 4.6),
    ],
)
def test_figures_4_and_5(
    save_run: Save, make_rows: Make, task: str, captions: float, extraction: float, gain: float
) -> None:
    folders = [
        save_run(name, make_rows(task, "sighted", hits(share)))
        for name, share in (("extraction", extraction), ("captions", captions))
    ]
    found = compare_runs(*read_runs(folders), resamples=2000)
    [row] = found[found["measure"] == "difference"].to_dict("records")
    assert 100 * row["value"] == pytest.approx(gain, abs=0.05) and 0 < row["low"] < row["value"] < row["high"]


@pytest.mark.parametrize(("large", "small", "drop"), [("8", "1.7", 3.30), ("8", "2", 4.33), ("12", "4", 5.26)])
def test_table_a1(save_run: Save, make_rows: Make, large: str, small: str, drop: float) -> None:
    scores = {
        (large, "8"): 0.55,
        (large, "0.6"): 0.50,
        (small, "8"): 0.55 - drop / 100,
        (small, "0.6"): 0.5 - drop / 100,
    }
    folders = [
        save_run(f"{p}-{r}", make_rows("mmstar_math", "sighted", hits(share))) + f"={p}:{r}"
        for (p, r), share in scores.items()
    ]
    found = find_bottleneck(read_runs(folders), resamples=200)
    [value] = found.loc[(found["measure"] == "perception drop") & (found["level"] == "task"), "value"]
    assert 100 * value == pytest.approx(drop, abs=0.07)  # 1,500 questions come in steps of 0.067 points


def test_figure_2(save_run: Save, make_rows: Make) -> None:
    # Printed are the drops of grounding and of NIGHTS, and that ImageNet, small in drop, is near zero blind.
    tasks = {  # 8B sighted, 0.6B sighted, 8B blind; what isn't printed lies on a line between
        "grounding_refcoco_testa": (0.80, 0.32, 0.02),
        "similarity_nights": (0.92, 0.54, 0.50),
        "gqa": (0.70, 0.60, 0.45),
        "vqav2": (0.78, 0.68, 0.50),
        "scienceqa": (0.88, 0.80, 0.75),
        "textvqa": (0.66, 0.52, 0.30),
        "imagenet": (0.80, 0.76, 0.01),
    }
    large = [make_rows(task, "sighted", hits(one)) for task, (one, _, _) in tasks.items()]
    large += [make_rows(task, "none", hits(blind)) for task, (_, _, blind) in tasks.items()]
    small = [make_rows(task, "sighted", hits(one)) for task, (_, one, _) in tasks.items()]
    found = find_downscaling(read_runs([save_run("l", *large) + "=8", save_run("s", *small) + "=0.6"]), resamples=2000)
    drops = found.findings[(found.findings["measure"] == "drop") & (found.findings["level"] == "task")]
    lost = drops.set_index("task")["value"]
    assert lost["grounding_refcoco_testa"] == pytest.approx(0.48, abs=1e-3) and lost.idxmax().startswith("grounding")
    assert lost["similarity_nights"] == pytest.approx(0.38, abs=1e-3)
    influence = found.findings[found.findings["level"] == "influence"]
    deviation = influence[influence["measure"] == "deviation"].set_index("group")["value"].abs()
    assert deviation.idxmax() == "imagenet"
    without = influence[influence["measure"] == "kendall without"].set_index("group")["value"]
    assert without.idxmax() == "imagenet"  # the relation is clearest without it
