"""`sightscale extract-data`: instruction data turned into visual-extraction data."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import DATA, ENGINE, BatchSize, DataRoot
from sightscale.harness.commands.terminal import open_console, quieten

if TYPE_CHECKING:
    from sightscale.trainers.extraction import Quality

logger = logging.getLogger(__name__)


@examples(
    "sightscale extract-data llava.json --images pictures --teacher owner/vlm --output extracted",
    "sightscale extract-data mini:gqa --limit 20 --teacher nano_2m_extract --output extracted",
)
def extract_data(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Conversation files (.json, .jsonl, .parquet), mini:SET (its train split), hub:TASK (evaluation data)."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder for data.jsonl, rejected.jsonl, pictures and the report.")],
    teacher: Annotated[
        str,
        typer.Option(help="What writes statements and descriptions: MODEL, vllm:MODEL or openai:MODEL@URL."),
    ],
    focus_model: Annotated[
        str | None, typer.Option(help="The model that writes each question's focus.  [default: the teacher]")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder that picture names are relative to.  [default: each file's own]", rich_help_panel=DATA
        ),
    ] = None,
    data_root: DataRoot = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, help="Only the first N rows of each source.  [default: all; of mini, 100]", rich_help_panel=DATA
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the mini suite's items.", rich_help_panel=DATA)] = 0,
    batch_size: BatchSize = 32,
    store: Annotated[
        Path | None,
        typer.Option(help="File of finished generations.  [default: store.sqlite in OUTPUT]", rich_help_panel=ENGINE),
    ] = None,
) -> None:
    """Turn question-answer pairs into descriptions that hold what is asked for, as training rows.

    Run the same command again to go on where it stopped: finished generations and rows are kept as they come.
    """
    quieten()
    from sightscale.tasks.sources import reading
    from sightscale.trainers.extraction import DATA, HUB, extract, measure_quality, open_sources, write_page

    with reading("hub", data_root):
        opened = open_sources(sources, images=images, limit=limit, seed=seed)
        if any(name.startswith(HUB) for name in sources):
            logger.warning("these are evaluation data: score nothing on them that was trained on the result")
        result = extract(
            opened,
            output,
            teacher,
            focus_model=focus_model,
            batch_size=batch_size,
            store=store,
        )
    quality = measure_quality(result)
    report = output / "report.json"
    report.write_text(json.dumps(quality.as_dict(), indent=2) + "\n", encoding="utf-8")
    write_page(result, quality, output, f"Visual extraction data, {', '.join(source.name for source in opened)}")
    _show(quality)
    print(f"{quality.rows:,} rows in {output / DATA}; report.json and samples.html beside it")


def _show(quality: "Quality") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="extraction data", show_header=False)
    table.add_column("what")
    table.add_column("value", justify="right")

    def add(what: str, value: str) -> None:
        table.add_row(Text(what), Text(value))

    def add_share(what: str, value: float | None) -> None:
        add(what, "–" if value is None else f"{100 * value:.1f} %")

    add("rows", f"{quality.rows:,}")
    for source, count in quality.sources.items():
        add(f"  from {source}", f"{count:,}")
    for reason, count in quality.set_aside.items():
        add(f"set aside: {reason.replace('_', ' ')}", f"{count:,}")
    for reason, count in quality.left_aside.items():
        add(f"left aside: {reason.replace('_', ' ')}", f"{count:,}")
    add("statements", f"{quality.statements:,}")
    add("rows whose statements were asked for twice", f"{quality.retried:,}")
    add("rows without a focus", f"{quality.without_focus:,}")
    for name, length in quality.words.items():
        add(f"words of a description, {name}", f"{length:,.1f}".removesuffix(".0"))
    add_share("refused", quality.refused)
    add_share("truncated", quality.truncated)
    add_share("statements whose content words all stand in the description", quality.stated)
    add_share("content words of statements found there", quality.words_stated)
    add_share("near-duplicates", quality.near_duplicates)
    open_console().print(table)
