"""The study's published table as data, with where it comes from and how its averages are made."""

from dataclasses import dataclass
from importlib.resources import files

import yaml

IN_DOMAIN = ("OCR-VQA", "TextVQA", "ScienceQA", "VQAv2", "GQA", "VizWiz")
MMSTAR = ("CP", "FP", "IR", "LR", "ST", "Math")


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


def read_published() -> list[PublishedRow]:
    """The rows of the study's Table 1, in its order."""
    table = yaml.safe_load(files(__package__).joinpath("downscaling_intelligence.yaml").read_text())
    rows = []
    for row in table["rows"]:
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
    return rows
