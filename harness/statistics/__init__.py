"""Statistics: arrays in, small frozen results out; nothing in this folder knows where numbers come from.

An average of nothing is missing (nan), not zero.
"""

from sightscale.harness.statistics.bootstrap import (
    Bootstrapped,
    Gap,
    WeighedGap,
    average,
    bootstrap,
    mean_of,
    paired_difference,
    resample_totals,
)
from sightscale.harness.statistics.corrections import (
    blind_corrected,
    blind_share,
    chance_corrected,
    unparsed_bounds,
)
from sightscale.harness.statistics.difference import Difference, holm, mcnemar, sign_flip
from sightscale.harness.statistics.dose import Response, fit_response
from sightscale.harness.statistics.estimates import (
    Array,
    Estimate,
    Style,
    clopper_pearson,
    cluster_sums,
    cluster_table,
    mean_score,
    wilson,
)
from sightscale.harness.statistics.methods import PAGE, Method, describe_methods
from sightscale.harness.statistics.power import (
    SmallestDifference,
    SpreadOfPairs,
    questions_for_difference,
    questions_for_width,
    smallest_difference,
    spread,
)
from sightscale.harness.statistics.regression import fit_line, rank_correlation
from sightscale.harness.statistics.sequential import (
    Draws,
    Replay,
    Sequence,
    draw_pictures,
    follow,
    foresee,
    foresee_width,
    replay,
)

__all__ = [
    "PAGE",
    "Array",
    "Bootstrapped",
    "Difference",
    "Draws",
    "Estimate",
    "Gap",
    "Method",
    "Replay",
    "Response",
    "Sequence",
    "SmallestDifference",
    "SpreadOfPairs",
    "Style",
    "WeighedGap",
    "average",
    "blind_corrected",
    "blind_share",
    "bootstrap",
    "chance_corrected",
    "clopper_pearson",
    "cluster_sums",
    "cluster_table",
    "describe_methods",
    "draw_pictures",
    "fit_line",
    "fit_response",
    "follow",
    "foresee",
    "foresee_width",
    "holm",
    "mcnemar",
    "mean_of",
    "mean_score",
    "paired_difference",
    "questions_for_difference",
    "questions_for_width",
    "rank_correlation",
    "replay",
    "resample_totals",
    "sign_flip",
    "smallest_difference",
    "spread",
    "unparsed_bounds",
    "wilson",
]
