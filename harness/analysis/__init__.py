"""What records show: reliance, downscaling, bottleneck, comparison, position bias and the summary of a run."""

from sightscale.harness.analysis.bottleneck import ATTRIBUTIONS, TRUTH, find_bottleneck
from sightscale.harness.analysis.comparison import THINKING, compare_runs, find_cost
from sightscale.harness.analysis.downscaling import DRAWN, Downscaling, find_downscaling
from sightscale.harness.analysis.findings import ALL, render_findings, render_list, show_estimate, write_csv, write_json
from sightscale.harness.analysis.matched_runs import RIGHT, Run, read_column, read_run, read_runs
from sightscale.harness.analysis.position_bias import position_bias, render_position_bias
from sightscale.harness.analysis.reliance import FAMILIES, find_reliance, find_suspects
from sightscale.harness.analysis.summary import OUTCOMES, render_table, summarise

__all__ = [
    "ALL",
    "ATTRIBUTIONS",
    "DRAWN",
    "FAMILIES",
    "OUTCOMES",
    "RIGHT",
    "THINKING",
    "TRUTH",
    "Downscaling",
    "Run",
    "compare_runs",
    "find_bottleneck",
    "find_cost",
    "find_downscaling",
    "find_reliance",
    "find_suspects",
    "position_bias",
    "read_column",
    "read_run",
    "read_runs",
    "render_findings",
    "render_list",
    "render_position_bias",
    "render_table",
    "show_estimate",
    "summarise",
    "write_csv",
    "write_json",
]
