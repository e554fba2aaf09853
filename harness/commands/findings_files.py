"""What the analysis commands write beside their table: findings as CSV and JSON, and figures."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("png", "svg", "html", "json")


def write_findings(findings: "pd.DataFrame", csv: Path | None, json: Path | None) -> None:
    """Write findings where asked, and say where."""
    from sightscale.harness.analysis import write_csv, write_json

    for path, write in ((csv, write_csv), (json, write_json)):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(findings, path)
            print(f"{len(findings):,} findings in {path}", file=sys.stderr)


def write_figures(charts: dict[str, Any], folder: Path | None) -> None:
    """Write each chart to `folder` under its name, as PNG, SVG, a page that opens offline, and Vega-Lite."""
    if not folder:
        return
    from sightscale.harness.pages import save_chart

    for name, chart in charts.items():
        for suffix in FORMATS:
            save_chart(chart, folder / f"{name}.{suffix}")
    print(f"figures in {folder}: {', '.join(charts) or 'none, there is nothing to draw'}", file=sys.stderr)
