"""A run and two analyses as functions of records that return tables. Import them from `sightscale` itself.

>>> from sightscale import compare, reliance, run
>>> records = run("easy_vqa_nano", ["easy_vqa"], "runs/nano", blind=["none"], limit=200)
>>> findings = reliance("runs/nano")
>>> findings.loc[findings["measure"] == "reliance", ["task", "condition", "value", "low", "high"]]
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sightscale.harness.analysis import Run, compare_runs, find_reliance, read_run
from sightscale.tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Records: TypeAlias = "str | Path | pd.DataFrame"


def run(
    model: str,
    tasks: Sequence[str],
    output: str | Path,
    *,
    blind: Sequence[str] = (),
    limit: int | None = None,
    data: str = "hub",
    seed: int = 0,
) -> "pd.DataFrame":
    """Score one model on tasks, sighted and under blind conditions, as the command `sightscale run` does.

    `model` is a model string, such as a shipped checkpoint's name or a folder. `output` is the run's folder; the same
    call continues an interrupted run. `limit` asks only the first documents of each task. `data` is `hub`, or `mini`
    for the embedded suite. `seed` is for sampling, noise and mismatched pictures.

    Returns the records: one row for each question under each condition, with a `score` from 0 to 1.
    Raises UserError for what you can fix: an unknown model, task or condition, or a folder that holds another run.
    """
    from sightscale.harness.evaluation import Plan, evaluate
    from sightscale.model_adapters.blindfold import parse_conditions
    from sightscale.model_adapters.model_strings import parse_model

    plan = Plan(
        model=parse_model(model),
        model_text=model,
        tasks=tuple(tasks),
        conditions=tuple(parse_conditions(",".join(blind))),
        output=Path(output),
        limit=limit,
        seed=seed,
        data=data,
    )
    return evaluate(plan)


def reliance(run_or_records: Records, *, base: "Records | None" = None) -> "pd.DataFrame":
    """How much of each score comes from looking.

    `run_or_records` is a run's folder, a records file, or the records that `read_records` returns, of a run asked
    sighted and blind. `base` is the same for a run of the base language model; it adds multi-modal gain and leakage.

    Returns one finding per row. `measure` names the quantity, and the columns before it say of what. `value`, `low` and
    `high` are the estimate and its 95 % interval as shares: 0.1 is ten percentage points.
    Raises UserError if there are no records, or if the two runs were asked different questions.
    """
    run, *bases = _as_runs(run_or_records, *(() if base is None else (base,)))
    return find_reliance([run], *bases)


def compare(a: Records, b: Records, *, condition: str = "sighted") -> "pd.DataFrame":
    """The score of `a` minus the score of `b` on the questions that both answered, with tests and costs.

    `condition` is `sighted` or a blind condition. Takes and returns the same as `reliance`. Raises UserError if the two
    share no question.
    """
    first, second = _as_runs(a, b)
    return compare_runs(first, second, condition)


def _as_runs(*sources: Records) -> list[Run]:
    """Each source as a run; runs with equal names get a number."""
    runs = [read_run(str(source)) if isinstance(source, (str, Path)) else _name_run(source) for source in sources]
    names = [run.label for run in runs]
    return [
        replace(run, label=f"{run.label} #{number}") if names.count(run.label) > 1 else run
        for number, run in enumerate(runs, 1)
    ]


def _name_run(records: "pd.DataFrame") -> Run:
    if records["run_id"].nunique() != 1:
        raise UserError(f"the table holds records of {records['run_id'].nunique()} runs; give those of one run")
    return Run(str(records["model"].iloc[0]), records)
