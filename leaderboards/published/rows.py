"""The study's published table as data, with where it comes from and how its averages are made."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

# The table's columns, each with the task or the average of ours that it is.
IN_DOMAIN = {
    "OCR-VQA": "in_domain_ocrvqa",
    "TextVQA": "in_domain_textvqa",
    "ScienceQA": "in_domain_scienceqa",
    "VQAv2": "in_domain_vqav2",
    "GQA": "in_domain_gqa",
    "VizWiz": "in_domain_vizwiz",
}
MMSTAR = {
    "CP": "mmstar_coarse_perception_macro",
    "FP": "mmstar_fine_grained_perception_macro",
    "IR": "mmstar_instance_reasoning_macro",
    "LR": "mmstar_logical_reasoning_macro",
    "ST": "mmstar_science_technology_macro",
    "Math": "mmstar_math_macro",
}
IN_DOMAIN_AVERAGE, MMSTAR_AVERAGE = "In-domain avg.", "MMStar avg."
COLUMNS = {**IN_DOMAIN, IN_DOMAIN_AVERAGE: "in_domain", **MMSTAR, MMSTAR_AVERAGE: "mmstar_macro"}


@dataclass(frozen=True)
class PublishedRow:
    """One row: sizes in billions of parameters, amount of visual data as printed, scores in per cent.

    `perception` is None for an end-to-end system, whose language model's size is `reasoning`.
    """

    system: str
    perception: float | None
    reasoning: float
    visual_data: str
    in_domain: dict[str, float]
    in_domain_average: float
    mmstar: dict[str, float]
    mmstar_average: float

    @property
    def scores(self) -> dict[str, float]:
        """Every printed number by its column, in the table's order."""
        averages = {IN_DOMAIN_AVERAGE: self.in_domain_average}
        return {**self.in_domain, **averages, **self.mmstar, MMSTAR_AVERAGE: self.mmstar_average}

    @property
    def averages(self) -> dict[str, float]:
        """The two averages by the names that they have with us."""
        return {COLUMNS[column]: self.scores[column] for column in (IN_DOMAIN_AVERAGE, MMSTAR_AVERAGE)}


def read_source() -> str:
    """Where the rows are printed."""
    return str(_read_table()["source"])


@cache
def _read_table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("downscaling_intelligence.yaml").read_text())
    return table


@cache
def read_published() -> tuple[PublishedRow, ...]:
    """The rows of the study's Table 1, in its order."""
    rows = []
    for row in _read_table()["rows"]:
        *in_domain, in_domain_average = row["in_domain"]
        *mmstar, mmstar_average = row["mmstar"]
        rows.append(
            PublishedRow(
                system=row["system"],
                perception=row.get("perception"),
                reasoning=row["reasoning"],
                visual_data=row["visual_data"],
                in_domain=dict(zip(IN_DOMAIN, in_domain, strict=True)),
                in_domain_average=in_domain_average,
                mmstar=dict(zip(MMSTAR, mmstar, strict=True)),
                mmstar_average=mmstar_average,
            )
        )
    return tuple(rows)
