"""Reports: what records say, as pages, figures and tables for people; every number is computed from records alone."""

from sightscale.harness.report.contents import compute_contents
from sightscale.harness.report.finding_figures import (
    draw_bottleneck,
    draw_comparison,
    draw_doses,
    draw_downscaling,
    draw_reliance,
    draw_scores,
)
from sightscale.harness.report.folders import GivenLooks, GivenRun, keep_readable, part_looks, read_given
from sightscale.harness.report.page import write_page
from sightscale.harness.report.pictures import Pictures
from sightscale.harness.report.samples import gather_samples
from sightscale.harness.report.terminal import render_summary
from sightscale.harness.report.write import Options, write_report

__all__ = [
    "GivenLooks",
    "GivenRun",
    "Options",
    "Pictures",
    "compute_contents",
    "draw_bottleneck",
    "draw_comparison",
    "draw_doses",
    "draw_downscaling",
    "draw_reliance",
    "draw_scores",
    "gather_samples",
    "keep_readable",
    "part_looks",
    "read_given",
    "render_summary",
    "write_page",
    "write_report",
]
