"""What the analysis commands write beside their table: findings as CSV and JSON, and figures."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from sightscale.harness.pages import Figure

logger = logging.getLogger(__name__)


def write_findings(findings: "pd.DataFrame", csv: Path | None, json: Path | None) -> None:
    """Write findings where asked, and say where."""
    from sightscale.harness.analysis import write_csv, write_json

    for path, write in ((csv, write_csv), (json, write_json)):
        if path:
            write(findings, path)
            logger.info(f"{len(findings):,} findings in {path}")


def write_figures(figures: Sequence["Figure"], folder: Path | None) -> None:
    """Write each figure to `folder` under its name, as SVG, PDF and PNG, where a folder is named."""
    if not folder:
        return
    from sightscale.harness.pages import save_figures

    names = save_figures(figures, folder)
    logger.info(f"figures in {folder}: {', '.join(names) or 'none, there is nothing to draw'}")
