"""Writing: a report's files, all into one folder: the page, Markdown, a CSV for each table, and the figures."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sightscale.harness.analysis import write_csv
from sightscale.harness.pages import (
    as_frame,
    escape_markdown,
    escape_markdown_sentence,
    render_markdown,
    save_figure,
)
from sightscale.harness.report.contents import RESAMPLES, Contents, compute_contents
from sightscale.harness.report.folders import GivenLooks, GivenRun
from sightscale.harness.report.page import INLINE, write_page
from sightscale.harness.report.pictures import Pictures, read_pictures
from sightscale.harness.report.samples import gather_samples
from sightscale.tasks.errors import UserError

logger = logging.getLogger(__name__)

SAMPLES = 20_000


@dataclass(frozen=True)
class Options:
    """How a report is made: how many samples it shows, and where their pictures are looked for."""

    samples: int = SAMPLES
    pictures: bool = True
    data_root: Path | None = None
    task_folders: tuple[str, ...] = ()
    resamples: int = RESAMPLES
    inline: int = INLINE


def write_report(
    given: Sequence[GivenRun], folder: Path, options: Options, looks: Sequence[GivenLooks] = ()
) -> tuple[Contents, list[Path]]:
    """Write every file of a report into `folder`; return what it says and the paths, the page first.

    `looks` are of trainings, each drawn as a curve.

    Raises UserError when the folder can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}; choose another --output") from error
    contents = compute_contents(given, looks=looks, resamples=options.resamples)
    samples = gather_samples(given, options.samples)
    pictures = Pictures({}, ("Pictures were left out (--no-pictures).",))
    if options.pictures:
        wanted = {(one["task"], one["doc"]) for one in samples.samples}
        pictures = read_pictures(
            given,
            wanted,
            data_root=options.data_root,
            folders=options.task_folders,
        )
    written = write_page(contents, samples, pictures, folder / "report.html", inline=options.inline)
    markdown = folder / "report.md"
    markdown.write_text(render_report_markdown(contents), encoding="utf-8")
    written.append(markdown)
    (folder / "tables").mkdir(exist_ok=True)
    for table in contents.tables:
        write_csv(as_frame(table), folder / "tables" / f"{table.name}.csv")
        written.append(folder / "tables" / f"{table.name}.csv")
    for figure in contents.figures:
        written += save_figure(figure, folder / "figures")
    return contents, written


def render_report_markdown(contents: Contents) -> str:
    """Sentences, figures and tables in Markdown, for a paper or an issue."""
    parts = [f"# {escape_markdown(contents.title)}", ""]
    if contents.lead:
        parts += [escape_markdown_sentence(contents.lead), ""]
    for run, sentences in zip(contents.measured, contents.sentences, strict=True):
        if len(contents.measured) > 1:
            parts += [f"**{escape_markdown(run.label)}**", ""]
        parts += [escape_markdown_sentence(" ".join(sentences)), ""]
    parts += ["## Figures", ""]
    for figure in contents.figures:
        parts += [f"![{escape_markdown_sentence(figure.finding)}](figures/{figure.name}.png)", ""]
    parts += ["## Tables", ""]
    parts += [render_markdown(table) for table in contents.tables]
    parts += [escape_markdown_sentence(note) + "\n" for note in contents.comparison_notes]
    return "\n".join(parts).rstrip() + "\n"
