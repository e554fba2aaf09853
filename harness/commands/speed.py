"""`sightscale speed`: how fast this is on your machine, against other ways to do the same."""

import json
import logging
import os
from collections.abc import Callable
from functools import partial
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
PARTS = ("decoupled", "overhead", "engines", "lmms-eval", "raw", "replicas")
WITHOUT_ASKING = PARTS[:3]  # what every machine can measure in minutes
NANO = "easy_vqa_nano"  # what is measured where no model is named
ENGINES = ("easy_vqa_nano,batch_size=1", "easy_vqa_nano,batch_size=32")


@examples(
    "sightscale speed --parts decoupled --questions 32",
    "sightscale speed --parts engines --model nano_2m,batch_size=1 --model nano_2m --json speed.json",
)
def speed(
    parts: Annotated[str, typer.Option(help="What to measure, separated by commas; see above.")] = ",".join(
        WITHOUT_ASKING
    ),
    questions: Annotated[int, typer.Option(min=2, help="Questions per run, each about a different picture.")] = 32,
    rounds: Annotated[int, typer.Option(min=1, help="Timed runs of each way, after one to warm up.")] = 2,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="JSON file for every measured time and the machine.")
    ] = None,
    batch_size: BatchSize = 64,
    perception: Annotated[
        str, typer.Option(help="Perception module to measure with.", rich_help_panel=DECOUPLED)
    ] = NANO,
    reasoning: Annotated[str, typer.Option(help="Reasoning module to measure with.", rich_help_panel=DECOUPLED)] = NANO,
    description_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens per description.", rich_help_panel=DECOUPLED)
    ] = 64,
    answer_tokens: Annotated[int, typer.Option(min=1, help="Most tokens per answer.", rich_help_panel=DECOUPLED)] = 16,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Model strings to compare with the first of them; give two or more.  "
            "[default: easy_vqa_nano at batch 1, at batch 32, and in vLLM if it is installed]",
            rich_help_panel="Comparison of engines",
        ),
    ] = None,
) -> None:
    """Measure speed on this machine: different ways to do the same work, in alternating runs, as medians.

    decoupled: sightscale against the published procedure, which is two lmms-eval launches at batch 1 with a logits
    processor at every step. Both have the same weights, decode greedily, and load models before the clock starts.

    overhead: everything but the model, against lmms-eval's own loop, which encodes each picture as PNG.

    engines: each model string against the first one, end to end.

    lmms-eval: lmms-eval's own classes huggingface and, where it is installed, vllm against ours, on the same weights;
    the former needs torchvision.

    raw: vLLM's own engine against ours with everything around it, on 16 times --questions of very different lengths.

    replicas: two replicas of a model on Ray against one, and 4 and 8 that only sleep against one. Needs Ray.

    The defaults take a few minutes on two cores. More --questions, --rounds and --description-tokens give steadier
    times and take longer.
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
        elif part == "lmms-eval":
            from sightscale.harness.speed import compare_peers

            comparisons.append(_in_vllm_too(partial(compare_peers, (model or [NANO])[0], 2 * questions, rounds)))
        elif part == "raw":
            from sightscale.harness.speed import compare_raw

            comparisons.append(compare_raw(NANO, 16 * questions, rounds))
        elif part == "replicas":
            from sightscale.harness.speed import compare_replicas, compare_sleeping

            comparisons.append(compare_replicas((model or [NANO])[0], 4 * questions, rounds))
            for number in (4, 8):
                _print(comparisons[-1])
                comparisons.append(compare_sleeping(number, rounds))
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
    from sightscale.harness.speed import compare_engines, share_device

    if models:
        return compare_engines(models, questions, rounds)

    def compare(in_vllm: bool) -> "Comparison":
        shared = "".join(f",{name}={value}" for name, value in share_device().items())
        return compare_engines((*ENGINES, f"vllm:{NANO}{shared}") if in_vllm else ENGINES, questions, rounds)

    return _in_vllm_too(compare)


def _in_vllm_too(compare: Callable[..., "Comparison"]) -> "Comparison":
    """A comparison that has vLLM in it, where that is installed and can run."""
    if find_spec("vllm"):
        try:
            return compare(in_vllm=True)
        except (ValueError, RuntimeError, OSError) as error:
            logger.warning(f"speed: vllm is left out: {first_line(error)}")
    return compare(in_vllm=False)


def _print(comparison: "Comparison") -> None:
    from sightscale.harness.analysis import FittingTable, list_columns

    ways = list(comparison.seconds)
    ranges = [(min(seconds), max(seconds)) for seconds in comparison.seconds.values()]
    columns = ["", *ways[1:]]  # the first way is what the others are held against
    ratios = [comparison.ratios(way) if way else [] for way in columns]
    numbers = (
        ("seconds", [f"{comparison.median(way):.2f}" for way in ways]),
        ("range", [f"{low:.2f}–{high:.2f}" for low, high in ranges]),
        ("questions/s", [f"{comparison.questions / comparison.median(way):.1f}" for way in ways]),
        ("times faster", [f"{comparison.ratio(way):.2f}" if way else "" for way in columns]),
        ("range", [f"{min(each):.2f}–{max(each):.2f}" if each else "" for each in ratios]),
        (
            "equal answers",
            [f"{comparison.answers_equal[way]} of {comparison.questions}" if way else "" for way in columns],
        ),
    )
    open_console().print(FittingTable(list_columns([(comparison.name, ways)]), list_columns(numbers)))
    rounds = len(comparison.seconds[comparison.first])
    summary = f"{comparison.what}; {comparison.questions:,} questions, medians of {rounds}"
    if comparison.reached is not None:
        summary += f"; target {comparison.target}: {'reached' if comparison.reached else 'missed'}"
    print(summary)
