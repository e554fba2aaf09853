"""Tables beside the findings: cost, position bias, runs against each other, and how runs were made."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sightscale.harness.analysis import ALL, THINKING, Run, compare_runs, find_cost, position_bias
from sightscale.harness.pages import Column, Table, make_table
from sightscale.harness.report.findings_tables import RUN, TASK, Measured, who
from sightscale.harness.statistics import Estimate
from sightscale.model_adapters.blindfold import SIGHTED

ALL_TASKS = "all tasks"
MEMORY = ("peak_memory_gib", "peak_memory_bytes")
TOKENS = ("input_tokens", "output_tokens", "perception_input_tokens", "perception_output_tokens")


def cost_table(measured: Sequence[Measured]) -> Table:
    """A row for each run and task: what a sighted question, and a right answer, costs."""
    columns = [
        *who(measured),
        TASK,
        *(Column(name, name.replace("_", " ").capitalize(), "number", "mean per question") for name in TOKENS),
        Column("seconds", "Seconds", "number", "mean per question, of batched work"),
        Column("perception_seconds", "Perception seconds", "number", "mean per question"),
        Column("thinking_tokens", "Thinking tokens", "number", "mean; output tokens in proportion to characters"),
        Column("tokens_per_right_answer", "Tokens per right answer", "number", "read and written, all stages"),
        Column("peak_memory", "Peak memory, GiB", "number", "of the whole run, as its manifest says"),
    ]
    rows = []
    for one in measured:
        by_task: dict[str, dict[str, Any]] = {}
        records = one.given.run.records
        whole = [Run(one.label, records.assign(task=ALL_TASKS))] if records["task"].nunique() > 1 else []
        for row in (row for run in (*whole, one.given.run) for row in find_cost(run)):
            found = Estimate(row["value"], row["low"], row["high"], row["n"], row["clusters"])
            name = "thinking_tokens" if row["measure"] == THINKING else row["measure"].replace(" ", "_")
            by_task.setdefault(row["task"], {})[name] = found
        memory = _peak_memory(one.given.manifest)
        for task, costs in by_task.items():
            rows.append({"run": one.label, "task": task, "is_task": task != ALL_TASKS, **costs, "peak_memory": memory})
    caption = (
        "Sighted questions only; means with 95 % intervals. Seconds depend on the machine, which the manifest names."
    )
    return make_table("cost", "Cost", caption, columns, rows)


def position_table(measured: Sequence[Measured]) -> Table:
    """A row for each run, multiple-choice task and condition."""
    found = [(one.label, bias) for one in measured for bias in position_bias(one.given.run.records)]
    letters = sorted({letter for _, bias in found for letter in bias.chosen})[:8]
    columns = [
        *who(measured),
        TASK,
        Column("condition", "Condition"),
        Column("questions", "Questions", "count"),
        *(Column(f"chosen_{letter}", f"Chose {letter}", "share") for letter in letters),
        *(Column(f"right_{letter}", f"{letter} is right", "share") for letter in letters),
        Column("spread", "To move", "share", "share of choices to move until each letter is chosen as often as right"),
        Column("consistent", "Same option", "share", "chosen in every order of the options"),
        Column("always_right", "Always right", "share", "in every order of the options"),
        Column("by_chance", "… by chance", "share"),
    ]
    rows = [
        {
            "run": label,
            "task": bias.task,
            "condition": bias.condition,
            "questions": bias.n,
            **{f"chosen_{letter}": bias.chosen.get(letter) for letter in letters},
            **{f"right_{letter}": bias.right.get(letter) for letter in letters},
            "spread": bias.spread,
            "consistent": bias.consistent,
            "always_right": bias.always_right,
            "by_chance": bias.always_right_by_chance,
        }
        for label, bias in found
    ]
    caption = "Per cent of readable answers that choose a letter, and of questions whose answer stands there."
    return make_table("position", "Position bias", caption, columns, rows)


def comparison_table(measured: Sequence[Measured], resamples: int) -> tuple[Table, list[str]]:
    """Each further run against the first on the questions that both answered; and why one can't be compared."""
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    first = measured[0]
    for other in measured[1:]:
        try:
            findings = compare_runs(other.given.run, first.given.run, resamples=resamples)
        except ValueError as error:
            notes.append(f"{other.label} is not compared: {error}.")
            continue
        shown = findings[findings["level"].isin(["task", "average"])]
        for (task, group), part in shown.groupby(["task", "group"], sort=False):
            listed: Iterable[Any] = part.itertuples()
            cells = {
                str(row.measure): Estimate(float(row.value), float(row.low), float(row.high), int(row.n), 0)
                for row in listed
            }
            difference = cells["difference"]
            rows.append(
                {
                    "run": other.label,
                    "task": str(task) if group == ALL else str(group),
                    "is_task": group == ALL,
                    "questions": difference.n,
                    "score": cells.get("first"),
                    "first_run": cells.get("second"),
                    "difference": difference,
                    "p_holm": cells.get("p (Holm)"),
                    "smallest": cells.get("smallest difference"),
                }
            )
    columns = [
        RUN,
        TASK,
        Column("questions", "Shared questions", "count"),
        Column("score", "Score", "share"),
        Column("first_run", f"Score of {first.label}", "share"),
        Column("difference", "Difference", "difference", f"this run − {first.label}, in points"),
        Column("p_holm", "p (Holm)", "p", "McNemar's test or sign flips, corrected over tasks"),
        Column("smallest", "Smallest to be seen", "share", "with 80 % power at 5 %"),
    ]
    caption = f"Each run − {first.label}, paired question by question, {SIGHTED}; 95 % intervals over pictures."
    return make_table("comparison", "Runs against each other", caption, columns, rows), notes


def describe_run(one: Measured) -> Iterator[tuple[str, str]]:
    """What a manifest says of a run, as names and values for a list; the run's id where there is none."""
    manifest = one.given.manifest
    yield "Model", str(manifest.get("model") or one.given.run.records["model"].iloc[0])
    yield "Run", one.given.run_id
    parameters = one.given.run.records["parameters"].dropna()
    if len(parameters):
        yield "Parameters", f"{int(parameters.iloc[0]):,}"
    if not manifest:
        yield "Manifest", "none beside the records"
        return
    for name in ("started", "finished", "seconds", "data", "limit", "options", "seed", "batch_size", "git_commit"):
        if manifest.get(name) not in (None, ""):
            yield name.replace("_", " ").capitalize(), str(manifest[name])
    for name in ("machine", "software", "tokens"):
        held = manifest.get(name)
        if isinstance(held, dict) and held:
            yield (
                name.capitalize(),
                ", ".join(f"{key} {value}" for key, value in held.items() if value not in (None, [])),
            )


def manifest_text(one: Measured) -> str:
    """The whole manifest as indented JSON, or nothing."""
    return json.dumps(one.given.manifest, indent=1, ensure_ascii=False, default=str) if one.given.manifest else ""


def _peak_memory(manifest: dict[str, Any]) -> float | None:
    for name in MEMORY:
        value = manifest.get(name)
        if isinstance(value, (int, float)):
            return float(value) / (2**30 if name.endswith("bytes") else 1)
    return None
