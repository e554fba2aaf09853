"""What records show: reliance, downscaling, bottleneck, comparison, position bias and the summary of a run."""

from sightscale.harness.analysis.bottleneck import ATTRIBUTIONS, find_bottleneck
from sightscale.harness.analysis.box_units import describe_ambiguous_boxes
from sightscale.harness.analysis.comparison import COSTS, compare_runs, find_cost, judge_margin
from sightscale.harness.analysis.doses import describe_half, find_doses, read_amount
from sightscale.harness.analysis.downscaling import Downscaling, Resampling, find_downscaling
from sightscale.harness.analysis.factors import find_factors
from sightscale.harness.analysis.failures import describe_failures
from sightscale.harness.analysis.findings import (
    ALL,
    AVERAGES,
    Finding,
    Level,
    Measure,
    as_table,
    describe_measures,
    only,
    read_estimate,
    render_findings,
    render_list,
    write_csv,
    write_json,
)
from sightscale.harness.analysis.fitting import FittingTable, TextColumn, list_columns
from sightscale.harness.analysis.leaks import (
    check_share,
    compare_order,
    find_leaks,
    gather_texts,
    keep_least,
    measure_separation,
    read_texts,
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
from sightscale.harness.analysis.mirages import list_mirages
from sightscale.harness.analysis.nats import describe_letter_mass
from sightscale.harness.analysis.needs import describe_needs, find_needs, render_needs
from sightscale.harness.analysis.obstacles import Four, conclude, find_obstacles, place_four
from sightscale.harness.analysis.position_bias import position_bias, render_position_bias
from sightscale.harness.analysis.reliance import (
    advise_condition,
    average_reliance,
    find_reliance,
    find_suspects,
    pair_reliance,
)
from sightscale.harness.analysis.rendering import (
    list_levels,
    render_bottleneck,
    render_comparison,
    render_doses,
    render_downscaling,
    render_factors,
    render_obstacles,
    render_reliance,
)
from sightscale.harness.analysis.summary import render_second, render_table, show_condition, summarise
from sightscale.harness.analysis.text_baseline import TextQuestion
from sightscale.harness.analysis.truncation import describe_truncation

__all__ = [
    "ALL",
    "ATTRIBUTIONS",
    "AVERAGES",
    "COSTS",
    "RIGHT",
    "TRUTH",
    "Downscaling",
    "Finding",
    "FittingTable",
    "Four",
    "Level",
    "Measure",
    "Placement",
    "Resampling",
    "Run",
    "TextColumn",
    "TextQuestion",
    "advise_condition",
    "as_table",
    "average_reliance",
    "check_share",
    "compare_order",
    "compare_runs",
    "conclude",
    "describe_ambiguous_boxes",
    "describe_failures",
    "describe_half",
    "describe_letter_mass",
    "describe_measures",
    "describe_needs",
    "describe_truncation",
    "find_bottleneck",
    "find_cost",
    "find_doses",
    "find_downscaling",
    "find_factors",
    "find_leaks",
    "find_needs",
    "find_obstacles",
    "find_reliance",
    "find_suspects",
    "gather_texts",
    "judge_margin",
    "keep_least",
    "list_columns",
    "list_levels",
    "list_mirages",
    "measure_separation",
    "only",
    "pair_reliance",
    "parse_placement",
    "parse_size",
    "place_four",
    "position_bias",
    "read_amount",
    "read_column",
    "read_estimate",
    "read_run",
    "read_runs",
    "read_texts",
    "render_bottleneck",
    "render_comparison",
    "render_doses",
    "render_downscaling",
    "render_factors",
    "render_findings",
    "render_list",
    "render_needs",
    "render_obstacles",
    "render_position_bias",
    "render_reliance",
    "render_second",
    "render_table",
    "show_condition",
    "show_size",
    "summarise",
    "write_csv",
    "write_json",
]
