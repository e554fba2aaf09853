"""Rendering: each analysis as tables for a terminal."""

import pandas as pd

from sightscale.harness.analysis.bottleneck import ATTRIBUTIONS
from sightscale.harness.analysis.comparison import COSTS
from sightscale.harness.analysis.downscaling import Downscaling
from sightscale.harness.analysis.findings import Level, Measure, only, render_findings, render_list
from sightscale.harness.analysis.fitting import FittingTable

RELIANCE = (
    (
        (Measure.SIGHTED, Measure.CHANCE, Measure.CHANCE_CORRECTED, Measure.UNREAD, Measure.BEST_BLIND),
        "Per cent. Without an answer: refused, unparsed, truncated or failed; these count as wrong.",
    ),
    (
        (Measure.BLIND, Measure.RELIANCE, Measure.REFUSED, Measure.BLIND_SHARE, Measure.BLIND_CORRECTED),
        "Reliance: sighted − blind on the same questions, in points. Refused: per cent of the answers.",
    ),
    (
        (Measure.NATS, Measure.PROBABILITY_GAIN),
        "What the picture adds to the right option: in nats to the logarithm of its probability among the options, in "
        "points to the probability itself.",
    ),
    ((Measure.GAIN, Measure.LEAKAGE), "Against the base LLM, on the same questions."),
    (
        (Measure.FLOOR, Measure.ABOVE_FLOOR),
        "The best constant answer is the same for every question; it needs no picture.",
    ),
)
EFFECTS = (
    Measure.PERCEPTION_DROP,
    Measure.REASONING_DROP,
    Measure.DROP_GAP,
    Measure.INTERACTION,
    Measure.UPPER_BOUND,
    Measure.UPPER_GAP,
)
FACTOR_EFFECTS = (Measure.PICTURE_EFFECT, Measure.QUESTION_EFFECT, Measure.JOINT_EFFECT, Measure.TOLD_EFFECT)
DIFFERENCES = (
    Measure.DIFFERENCE,
    Measure.DISCORDANCE,
    Measure.SMALLEST,
    Measure.P_MCNEMAR,
    Measure.P_EXACT,
    Measure.P_SIGN_FLIPS,
    Measure.P_HOLM,
)


def list_levels(*, detail: bool) -> list[Level]:
    """Tasks and their averages, and with `detail` categories and axes."""
    return [Level.TASK, Level.AVERAGE, *((Level.CATEGORY, Level.AXIS) if detail else ())]


def render_reliance(findings: pd.DataFrame, *, detail: bool = False) -> list[FittingTable]:
    """Scores, reliance, gain over a base LLM and floors, as far as the findings hold them."""
    levels = list_levels(detail=detail)
    return [
        render_findings(findings, measures, levels=levels, caption=caption)
        for measures, caption in RELIANCE
        if len(only(findings, *measures))
    ]


def render_downscaling(downscaling: Downscaling, *, by: Level = Level.TASK) -> list[FittingTable]:
    """Drops; and where there are points enough, their relation to reliance and each point's influence on it."""
    findings = downscaling.findings
    levels = [Level.TASK] if by is Level.TASK else [Level.TASK, by]
    caption = f"Drop: score of {downscaling.largest} − the smaller model's on common questions."
    drops = (Measure.DROP, Measure.RELATIVE_DROP, Measure.RELIANCE)
    tables = [render_findings(findings.assign(run=""), drops, levels=levels, caption=caption)]
    relation = (Measure.KENDALL, Measure.KENDALL_P, Measure.SPEARMAN, Measure.SPEARMAN_P, Measure.SLOPE)
    if (findings["level"] == Level.RELATION).any():
        caption = "Reliance on drop over tasks: rank correlations, and the line with errors in both directions."
        tables.append(render_findings(findings, relation, levels=[Level.RELATION], caption=caption))
    influence = (Measure.KENDALL_WITHOUT, Measure.SLOPE_WITHOUT, Measure.DISTANCE, Measure.DEVIATION)
    if (findings["level"] == Level.INFLUENCE).any():
        tables.append(render_findings(findings, influence, levels=[Level.INFLUENCE]))
    return tables


def render_bottleneck(findings: pd.DataFrame, *, detail: bool = False) -> list[FittingTable]:
    """What a smaller module costs, and what would have helped."""
    levels = list_levels(detail=detail)
    caption = "Per cent of questions, compared with the smallest pair of modules. Sampling adds noise to every row."
    return [
        render_list(findings, EFFECTS, levels=levels, caption="Points."),
        render_list(findings, ATTRIBUTIONS, levels=levels, caption=caption),
    ]


def render_factors(findings: pd.DataFrame, *, detail: bool = False) -> list[FittingTable]:
    """The table of picture × question, its effects, and mirages, as far as the findings hold them."""
    levels = list_levels(detail=detail)
    cells = "Per cent. Sighted: picture and question; no picture: question alone; no question: picture and options; "
    cells += "options only: neither."
    effects = "Points, on questions asked in all four ways. Effect of the picture: with − without it, averaged over "
    effects += "with and without the question. Interaction: how much more both bring together than each alone."
    tables = [
        (render_list, (Measure.SCORE,), {"across": "condition"}, cells),
        (render_findings, FACTOR_EFFECTS, {}, effects),
        (
            render_list,
            (Measure.MIRAGES,),
            {"across": "condition"},
            "Per cent of answers that describe a picture although none was shown.",
        ),
    ]
    return [
        render(findings, measures, levels=levels, caption=caption, **options)
        for render, measures, options, caption in tables
        if len(only(findings, *measures))
    ]


def render_doses(findings: pd.DataFrame, *, detail: bool = False) -> list[FittingTable]:
    """The fitted score at each dose, and where half of the gain is lost; a pair of tables for each kind of dose."""
    levels = list_levels(detail=detail)
    tables = []
    for kind, rows in findings.groupby("contrast", sort=False):
        curve = f"Per cent at each dose of {kind}, from no picture to the whole one; questions answered at every dose."
        half = "Half dose: where half of the gain from looking is lost, interpolated between the doses on either side."
        tables += [
            render_list(
                rows.assign(contrast="", note=""), [Measure.DOSED], levels=levels, across="condition", caption=curve
            ),
            render_findings(
                rows.assign(contrast=""), (Measure.DOSE_GAIN, Measure.HALF_DOSE), levels=levels, caption=half
            ),
        ]
    return tables


def render_obstacles(findings: pd.DataFrame, *, detail: bool = False) -> list[FittingTable]:
    """One model's four scores, what each better module brings, and what would have helped."""
    levels = list_levels(detail=detail)
    brings = (Measure.PERCEPTION_COST, Measure.REASONING_COST, Measure.BOTH_COST, Measure.COST_GAP)
    caption = "Points above the model itself, on questions answered in all four set-ups."
    return [
        render_list(findings, [Measure.SCORE], levels=levels, across="run", caption="Per cent."),
        render_findings(findings.assign(note=""), brings, levels=levels, caption=caption),
        render_list(
            findings, ATTRIBUTIONS, levels=levels, caption="Per cent of questions, compared with the model itself."
        ),
    ]


def render_comparison(findings: pd.DataFrame, title: str, *, detail: bool = False) -> list[FittingTable]:
    """Differences with their tests, and what each run costs."""
    about = f"{title}, points."
    costs = "Cost: means per question. Thinking tokens are part of the output tokens, estimated from characters."
    return [
        render_findings(findings, DIFFERENCES, levels=list_levels(detail=detail), caption=about),
        render_list(findings, COSTS, levels=[Level.COST], across="run", caption=costs),
    ]
