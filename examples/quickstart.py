"""Score the shipped model with and without its pictures, and draw the result. Takes about a minute on a CPU.

    python examples/quickstart.py [FOLDER]

The run and `scores.svg`, `.pdf` and `.png` go to FOLDER, by default `runs/quickstart`.
"""

import sys
from pathlib import Path

from sightscale import draw_scores, reliance, run, save_figure


def main(folder: Path) -> None:
    """Run the model, print how much of its score comes from looking, and save the figure."""
    run("easy_vqa_nano", ["easy_vqa"], folder, blind=["none", "mismatched"], limit=200)
    findings = reliance(folder)

    on_task = findings[(findings["measure"] == "reliance") & (findings["level"] == "task")]
    for row in on_task.itertuples():
        print(f"{row.condition}: reliance {row.value:+.1%} [{row.low:+.1%}, {row.high:+.1%}], {row.n} questions")

    (figure,) = draw_scores(findings)
    for path in save_figure(figure, folder):
        print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/quickstart"))
