"""`sightscale speed`: how fast this is on your machine, against other ways to do the same."""

import json
import logging
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import BatchSize
from sightscale.harness.commands.terminal import open_console, quieten
from sightscale.tasks.errors import UserError, blaming, first_line

if TYPE_CHECKING:
    from sightscale.harness.speed import Comparison

logger = logging.getLogger(__name__)

DECOUPLED = "Comparison of decoupled ways"
PARTS = ("decoupled", "overhead", "engines")
ENGINES = ("easy_vqa_nano,batch_size=1", "easy_vqa_nano,batch_size=32")


@examples(
    "sightscale speed --parts decoupled --questions 32",
    "sightscale speed --parts engines --model nano_2m,batch_size=1 --model nano_2m --json speed.json",
)
def speed(
    parts: Annotated[str, typer.Option(help="What is compared, with commas between.")] = ",".join(PARTS),
    questions: Annotated[int, typer.Option(min=2, help="Questions in a run, each about another picture.")] = 32,
    rounds: Annotated[
        int, typer.Option(min=1, help="Counted runs of each way; one that isn't counted comes first.")
    ] = 2,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File for every time taken, and the machine.")
    ] = None,
    batch_size: BatchSize = 64,
    perception: Annotated[str, typer.Option(help="Perception module.", rich_help_panel=DECOUPLED)] = "easy_vqa_nano",
    reasoning: Annotated[str, typer.Option(help="Reasoning module.", rich_help_panel=DECOUPLED)] = "easy_vqa_nano",
    description_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens of a description.", rich_help_panel=DECOUPLED)
    ] = 64,
    answer_tokens: Annotated[
        int, typer.Option(min=1, help="Most tokens of an answer.", rich_help_panel=DECOUPLED)
    ] = 16,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Model strings to compare with the first of them; give two or more.  "
            "[default: easy_vqa_nano at batch 1, at batch 32, and in vLLM if that is there]",
            rich_help_panel="Comparison of engines",
        ),
    ] = None,
) -> None:
    """Measure speed on this machine: different ways to do the same work, in turn, medians of several runs.

    decoupled: ours against the published way, which is two lmms-eval launches at batch 1 with a logits
    processor at every step; same weights, greedy, models loaded before the clock starts. A perception module
    from a local folder describes every picture in exactly as many tokens as are asked for.

    overhead: everything but the model, against lmms-eval's own chat messages, which encode each picture
    as PNG; 336-pixel pictures, answers given at once, twice the questions.

    engines: model strings against the first one, end to end.

    With its defaults it takes a few minutes on two cores; more --questions, --rounds and --description-tokens make the
    times steadier, and the published way takes that much longer.
    """
    chosen = [part.strip() for part in parts.split(",") if part.strip()]
    unknown = [part for part in chosen if part not in PARTS]
    if unknown or not chosen:
        raise UserError(f"unknown part {', '.join(unknown) or parts!r}; known: {', '.join(PARTS)}")
    quieten()
    from sightscale.harness.speed import describe

    comparisons = []
    for part in chosen:
        logger.info(f"speed: {part}")
        if part == "decoupled":
            from sightscale.harness.speed import compare_decoupled

            comparisons.append(
                compare_decoupled(
                    perception,
                    reasoning,
                    questions=questions,
                    rounds=rounds,
                    batch_size=batch_size,
                    description_tokens=description_tokens,
                    answer_tokens=answer_tokens,
                )
            )
        elif part == "overhead":
            from sightscale.harness.speed import compare_overhead

            comparisons.append(compare_overhead(2 * questions, rounds, batch_size))
        else:
            comparisons.append(_compare_engines(tuple(model or ()), questions, rounds))
        _print(comparisons[-1])
    described = describe(comparisons)
    machine = described["machine"]
    gpus = ", ".join(machine["gpus"]) or "no GPU"
    memory = f"{machine['memory_gib']} GiB, {gpus}"
    print(f"{machine['processor']}, {machine['cores']} cores, {memory}; load {os.getloadavg()[0]:.1f}")
    if json_file:
        with blaming(json_file, "write"):
            json_file.parent.mkdir(parents=True, exist_ok=True)
            json_file.write_text(json.dumps(described, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _compare_engines(models: tuple[str, ...], questions: int, rounds: int) -> "Comparison":
    """The models named; without any the nano at batch 1 and 32, and in vLLM where that is installed and can run it."""
    from sightscale.harness.speed import compare_engines

    if models:
        return compare_engines(models, questions, rounds)
    if find_spec("vllm"):
        try:
            return compare_engines((*ENGINES, "vllm:easy_vqa_nano"), questions, rounds)
        except (ValueError, RuntimeError, OSError) as error:
            logger.warning(f"speed: vllm is left out: {first_line(error)}")
    return compare_engines(ENGINES, questions, rounds)


def _print(comparison: "Comparison") -> None:
    from rich.table import Column, Table

    table = Table(
        Column(comparison.name, overflow="fold"),
        *(
            Column(name, justify="right")
            for name in ("seconds", "range", "questions/s", "times faster", "range", "equal answers")
        ),
    )
    for way, seconds in comparison.seconds.items():
        ratios = comparison.ratios(way)
        first = way == comparison.first
        table.add_row(
            way,
            f"{comparison.median(way):.2f}",
            f"{min(seconds):.2f}–{max(seconds):.2f}",
            f"{comparison.questions / comparison.median(way):.1f}",
            "" if first else f"{comparison.ratio(way):.2f}",
            "" if first else f"{min(ratios):.2f}–{max(ratios):.2f}",
            "" if first else f"{comparison.answers_equal[way]} of {comparison.questions}",
        )
    open_console().print(table)
    rounds = len(comparison.seconds[comparison.first])
    summary = f"{comparison.what}; {comparison.questions:,} questions, medians of {rounds}"
    if comparison.reached is not None:
        summary += f"; target {comparison.target}: {'reached' if comparison.reached else 'missed'}"
    print(summary)
