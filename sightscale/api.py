"""A run and two analyses as functions: records in, a table of findings out. Import them from `sightscale` itself.

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
    """Score one model on tasks, sighted and under the blind conditions named, as the command `sightscale run` does.

    `model` is a model string, such as a shipped checkpoint's name or a folder. `limit` asks the first documents of each
    task alone. `data` is `hub`, or `mini` for the embedded suite. `output` is the run's folder; the same call again
    continues where the last one stopped.

    Returns the records, a row for each question under each condition; `score` is a share of 1.
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

    `run_or_records` is a run's folder, a records file, or records as `read_records` returns them, asked sighted and
    blind. `base` is the same for a run of the base language model; it adds multi-modal gain and leakage.

    Returns findings, one a row. `measure` names what was measured, and the columns before it name of what. `value`,
    `low` and `high` are the estimate and its 95 % interval as shares: 0.1 is ten percentage points.
    Raises UserError when there are no records, or when the two were asked different questions.
    """
    run, *bases = _as_runs(run_or_records, *(() if base is None else (base,)))
    return find_reliance([run], *bases)


def compare(a: Records, b: Records, *, condition: str = "sighted") -> "pd.DataFrame":
    """The score of `a` minus that of `b` on the questions that both answered under `condition`, with tests and costs.

    Takes and returns the same as `reliance`. Raises UserError when the two share no question.
    """
    first, second = _as_runs(a, b)
    return compare_runs(first, second, condition)


def _as_runs(*sources: Records) -> list[Run]:
    """Each source as a run; equal names get a number."""
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
