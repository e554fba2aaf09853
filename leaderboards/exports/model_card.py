"""A model card's section "Does it look?": scores with the picture and without, reliance, doses, and how to get them.

The section stands between two marks, so that a card that has one gets the new one in its place. The same numbers go to
the card's metadata (`model-index`), where what others wrote stays. Both are read back with the hub client's classes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from huggingface_hub import EvalResult, ModelCard

from sightscale.harness.analysis import (
    Measure,
    Run,
    describe_half,
    find_doses,
    find_reliance,
    read_amount,
    read_estimate,
    read_run,
)
from sightscale.harness.pages import escape_markdown, show_line
from sightscale.harness.statistics import Estimate, Style
from sightscale.leaderboards.exports.hub import describe_dataset, list_results
from sightscale.leaderboards.exports.measured import Measured, read_measured
from sightscale.tasks.errors import UserError, first_line
from sightscale.tasks.vocabulary import Condition

BEGIN, END = "<!-- sightscale: begin -->", "<!-- sightscale: end -->"
RELIANCE, BLIND = "vision-reliance", "blind-score"  # metric types beside the score's own
PLACES = ("task", "average")  # levels of findings that a card shows
FIGURE_NAME = re.compile(r"[\w./:-]+", re.ASCII)


def write_card_section(run: Path, name: str | None = None, figure: str | None = None) -> str:
    """The section as Markdown, with its marks. `figure` is a picture's path or address as the card is to name it.

    Raises UserError for a run without a sighted and a blind condition, and for a figure whose name isn't plain.
    """
    return _write_section(_measure(run, name), figure)


@dataclass(frozen=True)
class _Facts:
    """A run as it lies there, its scores, and its reliance, which takes a bootstrap."""

    folder: Path
    run: Run
    measured: Measured
    findings: pd.DataFrame


def _measure(folder: Path, name: str | None) -> _Facts:
    run = read_run(str(folder))
    return _Facts(folder, run, read_measured(folder, name=name), find_reliance([run]))


def _write_section(facts: _Facts, figure: str | None) -> str:
    if figure and not FIGURE_NAME.fullmatch(figure):
        raise UserError(f"figure {figure!r}: a card names it by letters, digits and ./:_- alone; rename the file")
    rows = list(_rows(facts.findings))
    if not rows:
        raise UserError(f"{facts.folder} has no blind condition to measure reliance against; run it with --blind none")
    lines = [
        BEGIN,
        "## Does it look?",
        "",
        "Scores in per cent with the picture and without it, on the same questions, and their difference in points "
        "(*vision reliance*), each with its 95 % interval.",
        "",
        "| task | questions | with the picture | blind condition | blind | reliance |",
        "|---|---:|---:|---|---:|---:|",
        *rows,
        "",
        *_doses(facts.run),
        *([f"![Scores with the picture and without it, with intervals]({figure})", ""] if figure else []),
        f"Measured by {escape_markdown(facts.measured.caveats)}. Reproduce it: "
        f"`{show_line(_command(facts.measured), 400).replace('`', chr(39))}`",
        END,
    ]
    return "\n".join(lines) + "\n"


def _rows(findings: pd.DataFrame) -> Iterator[str]:
    """A line of the table for each task and blind condition, and for each average over tasks."""
    shown = findings[findings["level"].isin(PLACES)]
    for (task, level, group), part in shown.groupby(["task", "level", "group"], sort=False):
        sighted = _pick(part, Measure.SIGHTED, Condition.SIGHTED)
        for condition in dict.fromkeys(part["condition"]):
            blind, reliance = (_pick(part, measure, condition) for measure in (Measure.BLIND, Measure.RELIANCE))
            if sighted is None or blind is None or reliance is None:
                continue
            label = str(task) if level == "task" else f"{task}, {group}"
            cells = (
                escape_markdown(label),
                f"{reliance.n:,}",
                sighted.show(),
                escape_markdown(str(condition)),
                blind.show(),
                reliance.show(Style.POINTS),
            )
            yield f"| {' | '.join(cells)} |"


def _pick(part: pd.DataFrame, measure: Measure, condition: str) -> Estimate | None:
    rows = part[(part["measure"] == measure) & (part["condition"] == condition)]
    return None if rows.empty else read_estimate(rows.iloc[0])


def _doses(run: Run) -> list[str]:
    """What pictures that lose information do to the score; nothing where the run has no two doses of a kind."""
    doses = [read_amount(str(condition)) for condition in run.records["condition"].unique()]
    kinds = [dose[0] for dose in doses if dose is not None]
    if not any(kinds.count(kind) > 1 for kind in kinds):
        return []
    sentences = describe_half(find_doses([run]))
    return [*(f"- {escape_markdown(sentence)}" for sentence in sentences), ""] if sentences else []


def _command(measured: Measured) -> str:
    """The command that made the run, without the folders of whoever ran it."""
    made = measured.manifest
    blind = [condition for condition in made.get("conditions") or {} if condition != Condition.SIGHTED]
    parts = [f"sightscale run --model {measured.name}", f"--tasks {','.join(map(str, made.get('tasks') or []))}"]
    parts += [f"--data {made.get('data')}", *([f"--blind {','.join(blind)}"] if blind else [])]
    parts += [f"--limit {made.get('limit')}"] if made.get("limit") else []
    return " ".join([*parts, f"--seed {made.get('seed', 0)}"])


def update_card(card: str, run: Path, name: str | None = None, figure: str | None = None) -> str:
    """A card's whole text with the section and its results in it; `card` may be empty.

    A section of ours that it has is replaced, and so are results of ours for the same data; everything else stays.
    Raises UserError for a card whose metadata the hub's client can't read, and as `write_card_section` does.
    """
    facts = _measure(run, name)
    section = _write_section(facts, figure)
    if card.count(BEGIN) > 1 or card.count(BEGIN) != card.count(END) or card.find(END) < card.find(BEGIN):
        raise UserError(f"the card has the marks {BEGIN} and {END} otherwise than once each, in this order; mend it")
    fresh = list(_results(facts))
    try:
        begun = card if card.startswith("---") else f"---\n---\n{card}"
        read: Any = ModelCard(begun, ignore_metadata_errors=False)
        earlier = list(read.data.eval_results or [])
    except Exception as error:  # the client raises whatever YAML and its own classes do
        raise UserError(
            f"the card's metadata can't be read: {first_line(error)}; mend the block between ---"
        ) from error
    ours = {_key(result) for result in fresh}
    read.data.model_name = read.data.model_name or facts.measured.name
    read.data.eval_results = [result for result in earlier if _key(result) not in ours] + fresh
    before, _, rest = read.text.partition(BEGIN)
    after = rest.partition(END)[2] if rest else ""
    body = f"{before.rstrip()}\n\n{section}{after.lstrip(chr(10)) and chr(10) + after.lstrip(chr(10))}".lstrip()
    return check_card(f"---\n{read.data.to_yaml()}\n---\n{body}")


def check_card(text: str) -> str:
    """The text, once the hub's client has read its results back. Raises UserError when it can't."""
    try:
        read: Any = ModelCard(text)
        results = read.data.eval_results
    except Exception as error:  # as above
        raise UserError(f"the card can't be read back: {first_line(error)}") from error
    if not results:
        raise UserError("the card holds no results after all; is its metadata a mapping?")
    return text


def _key(result: EvalResult) -> tuple[Any, ...]:
    return (*result.unique_identifier, result.metric_type)


def _results(facts: _Facts) -> Iterator[EvalResult]:
    """The run's scores, blind scores and reliance, each a result of the hub's."""
    measured, findings = facts.measured, facts.findings
    yield from list_results(measured)
    rows = findings[(findings["level"] == "task") & findings["measure"].isin([Measure.BLIND, Measure.RELIANCE])]
    told: set[tuple[str, str]] = set()
    for row in rows.to_dict("records"):
        task, blind = str(row["task"]), row["measure"] == Measure.BLIND
        kind = BLIND if blind else RELIANCE
        metric = kind if row["condition"] == Condition.NONE else f"{kind}-{str(row['condition']).replace(':', '-')}"
        if task not in measured.estimates or (task, metric) in told or row["value"] != row["value"]:
            continue
        told.add((task, metric))
        interval = f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
        yield describe_dataset(
            measured,
            task,
            metric_type=metric,
            metric_name=f"{'score' if blind else 'sighted − blind'} ({row['condition']}) {interval}, n = {row['n']}",
            value=100 * row["value"],
        )
