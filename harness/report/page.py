"""The page: a report as one HTML file that opens from disk, with the samples in it or in files beside it."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sightscale.harness.analysis import show_condition
from sightscale.harness.pages import content_policy, read_asset, render_template, show_line, show_text
from sightscale.harness.report.contents import Contents
from sightscale.harness.report.folders import describe_run, manifest_text
from sightscale.harness.report.pictures import Pictures
from sightscale.harness.report.samples import Samples, chunk_samples, embed_json
from sightscale.harness.report.sentences import Overall
from sightscale.harness.statistics import Estimate

INLINE = 16_000_000  # characters of samples that the page itself holds; beyond, they go into files beside it
SECTIONS = (
    ("summary", "Summary"),
    ("looking", "Looking"),
    ("scores", "Scores"),
    ("samples", "Samples"),
    ("answers", "Answers and cost"),
    ("how", "How it was made"),
)
SHOWS = (
    ("wrong", "Wrong"),
    ("right", "Right"),
    ("blind-right", "Right without looking"),
    ("fault", "Perception fault"),
    ("unparsed", "Unparsed"),
    ("refused", "Refused"),
    ("truncated", "Truncated"),
    ("failed", "Failed"),
)


@dataclass(frozen=True)
class Tile:
    """A number that opens the page."""

    name: str
    value: str
    unit: str
    ends: str


def write_page(
    contents: Contents, samples: Samples, pictures: Pictures, path: Path, *, inline: int = INLINE
) -> list[Path]:
    """Write the page, and numbered files of samples beside it when they are larger than `inline`; return all paths."""
    chunks = list(chunk_samples(samples, pictures.thumbnails))
    split = sum(len(chunk) for chunk in chunks) > inline
    beside = _write_chunks(chunks, path.with_name(f"{path.stem}_samples")) if split else []
    path.write_text(render_page(contents, samples, pictures, [] if split else chunks, path.stem), encoding="utf-8")
    return [path, *beside]


def render_page(contents: Contents, samples: Samples, pictures: Pictures, chunks: list[str], stem: str) -> str:
    """The page's HTML; without `chunks` it reads them from the folder `STEM_samples` beside it."""
    style = read_asset("theme.css") + read_asset("report.css")
    scripts = [read_asset("page.js"), read_asset("samples.js")]
    several = len(contents.measured) > 1
    outcomes = [figure for figure in contents.figures if figure.kind == "o"]
    figures = [figure for figure in contents.figures if figure.kind != "o"]
    first = contents.sentences[0]
    more_notes = (
        [f"{samples.left_out:,} more questions are not among the samples; --samples shows more."]
        if samples.left_out
        else []
    )
    return render_template(
        "report.html.jinja",
        {
            "policy": content_policy([style], scripts, files_beside=not chunks),
            "style": style,
            "scripts": scripts,
            "title": contents.title,
            "sections": [one for one in SECTIONS if one[0] != "looking" or figures],
            "lead": contents.lead if several else " ".join(first[:2]),
            "more": "" if several else " ".join(first[2:]),
            "tiles": [] if several else _tiles(contents.overalls[0]),
            "cards": [
                {"label": run.label, "text": _without_name(" ".join(sentences), run.label)}
                for run, sentences in zip(contents.measured, contents.sentences, strict=True)
            ]
            if several
            else [],
            "figures": figures,
            "outcome_figures": outcomes,
            "score_tables": contents.score_tables,
            "answer_tables": contents.answer_tables,
            "leaks": contents.leaks,
            "comparison_notes": contents.comparison_notes,
            "runs": samples.index["runs"],
            "tasks": samples.index["tasks"],
            "categories": _categories(samples.index["categories"]),
            "shows": SHOWS,
            "faults_known": samples.faults_known,
            "data_folder": f"{stem}_samples",
            "questions": f"{len(samples.samples):,} question{'' if len(samples.samples) == 1 else 's'}",
            "picture_notes": [*map(show_text, pictures.notes), *more_notes],
            "described": [
                {
                    "label": one.label,
                    "facts": [(name, show_text(value, 2000)) for name, value in describe_run(one.given)],
                    "manifest": show_text(manifest_text(one.given), 60_000),
                }
                for one in contents.measured
            ],
            "samples_index": embed_json(samples.index),
            "chunks": chunks,
            "records": f"{sum(len(one.given.run.records) for one in contents.measured):,}",
            "version": version("sightscale"),
        },
    )


def _write_chunks(chunks: list[str], folder: Path) -> list[Path]:
    """Scripts that hand their samples over: a page opened from disk may read scripts, but no other files."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("samples-*.js"):
        old.unlink()
    written = []
    for number, chunk in enumerate(chunks):
        file = folder / f"samples-{number:04d}.js"
        file.write_text(f"sightscaleSamples({number},{chunk});\n", encoding="utf-8")
        written.append(file)
    return written


def _without_name(text: str, label: str) -> str:
    """A sentence that begins with a run's name, below a heading that is its name."""
    rest = text.removeprefix(f"{label} ")
    return rest[:1].upper() + rest[1:]


def _tiles(overall: Overall) -> list[Tile]:
    tiles = []
    if overall.score:
        tiles.append(_tile("Score, with the picture", overall.score))
    if overall.blind and overall.condition:
        tiles.append(_tile(f"Score, {show_condition(overall.condition)}", overall.blind))
    if overall.reliance:
        tiles.append(_tile("What looking adds", overall.reliance, signed=True))
    if overall.chance == overall.chance:
        tiles.append(Tile("Chance", f"{100 * overall.chance:.1f}", "%", "by guessing"))
    if overall.unread == overall.unread:
        tiles.append(Tile("Without an answer", f"{100 * overall.unread:.1f}", "%", "counted as wrong"))
    return tiles


def _tile(name: str, estimate: Estimate, *, signed: bool = False) -> Tile:
    style = "+.1f" if signed else ".1f"
    ends = f"{100 * estimate.low:{style}} to {100 * estimate.high:{style}}, n = {estimate.n:,}"
    return Tile(name, f"{100 * estimate.value:{style}}", "points" if signed else "%", ends)


def _categories(names: list[str]) -> list[str]:
    """Every category, and each one's axes after it."""
    wider = [part for name in names if name for part in (show_line(name.partition(" / ")[0]), name)]
    return sorted(dict.fromkeys(wider))
