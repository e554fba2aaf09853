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
from sightscale.harness.statistics.methods import Method, describe_methods
from sightscale.harness.statistics.power import SmallestDifference, smallest_difference
from sightscale.harness.statistics.regression import fit_line, rank_correlation

__all__ = [
    "Array",
    "Bootstrapped",
    "Difference",
    "Estimate",
    "Gap",
    "Method",
    "SmallestDifference",
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
    "fit_line",
    "holm",
    "mcnemar",
    "mean_of",
    "mean_score",
    "paired_difference",
    "rank_correlation",
    "resample_totals",
    "sign_flip",
    "smallest_difference",
    "unparsed_bounds",
    "wilson",
]
