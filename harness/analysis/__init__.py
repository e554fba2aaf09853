"""What records show: reliance, downscaling, bottleneck, comparison, position bias and the summary of a run."""

from sightscale.harness.analysis.bottleneck import ATTRIBUTIONS, find_bottleneck
from sightscale.harness.analysis.comparison import COSTS, compare_runs, find_cost
from sightscale.harness.analysis.downscaling import Downscaling, Resampling, find_downscaling
from sightscale.harness.analysis.findings import (
    ALL,
    Finding,
    Level,
    Measure,
    as_table,
    only,
    read_estimate,
    render_findings,
    render_list,
    write_csv,
    write_json,
)
from sightscale.harness.analysis.matched_runs import (
    RIGHT,
    TRUTH,
    Placement,
    Run,
    parse_placement,
    parse_size,
    read_column,
    read_run,
    read_runs,
    show_size,
)
from sightscale.harness.analysis.position_bias import position_bias, render_position_bias
from sightscale.harness.analysis.reliance import (
    average_reliance,
    find_reliance,
    find_suspects,
    pair_reliance,
)
from sightscale.harness.analysis.rendering import (
    list_levels,
    render_bottleneck,
    render_comparison,
    render_downscaling,
    render_reliance,
)
from sightscale.harness.analysis.summary import render_table, show_condition, summarise
from sightscale.harness.analysis.truncation import describe_truncation

__all__ = [
    "ALL",
    "ATTRIBUTIONS",
    "COSTS",
    "RIGHT",
    "TRUTH",
    "Downscaling",
    "Finding",
    "Level",
    "Measure",
    "Placement",
    "Resampling",
    "Run",
    "as_table",
    "average_reliance",
    "compare_runs",
    "describe_truncation",
    "find_bottleneck",
    "find_cost",
    "find_downscaling",
    "find_reliance",
    "find_suspects",
    "list_levels",
    "only",
    "pair_reliance",
    "parse_placement",
    "parse_size",
    "position_bias",
    "read_column",
    "read_estimate",
    "read_run",
    "read_runs",
    "render_bottleneck",
    "render_comparison",
    "render_downscaling",
    "render_findings",
    "render_list",
    "render_position_bias",
    "render_reliance",
    "render_table",
    "show_condition",
    "show_size",
    "summarise",
    "write_csv",
    "write_json",
]
