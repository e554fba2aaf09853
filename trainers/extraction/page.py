"""A page of samples: some rows of an extraction with their pictures, in one HTML file that loads nothing else."""

from base64 import b64encode
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment

from sightscale.tasks.pictures import open_picture
from sightscale.trainers.extraction.examples import Result
from sightscale.trainers.extraction.quality import Quality

SAMPLES = 24
THUMBNAIL = (320, 320)  # pixels at most; the rows' own pictures keep their size


def write_page(result: Result, quality: Quality, output: Path, title: str) -> None:
    """Write `samples.html` beside the rows: those with the smallest ids, which says nothing of their content."""
    chosen = set(sorted(result.rows.ids)[:SAMPLES])
    samples = [_sample(row, output) for row in result.rows if row["id"] in chosen]
    text = files("sightscale.trainers.extraction").joinpath("samples.html.jinja").read_text(encoding="utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)
    page = template.render(samples=samples, quality=quality, title=title)
    partial = output / "samples.partial"
    partial.write_bytes(page.encode("utf-8", "replace"))
    partial.replace(output / "samples.html")


def _sample(row: dict[str, Any], output: Path) -> dict[str, Any]:
    provenance = row["provenance"]
    asked, told = (turn["value"] for turn in row["conversations"])
    small = open_picture(output / row["image"])
    width, height = small.size
    small.thumbnail(THUMBNAIL)
    content = BytesIO()
    small.save(content, "JPEG", quality=80)
    return {
        "id": row["id"],
        "source": f"{provenance['source']}, {provenance['source_id']}",
        "picture": f"data:image/jpeg;base64,{b64encode(content.getvalue()).decode()}",
        "size": f"{width} × {height}",
        "pairs": provenance["pairs"],
        "statements": provenance["statements"],
        "asked": asked,
        "told": told,
    }
