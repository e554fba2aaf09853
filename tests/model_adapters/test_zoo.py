"""The zoo: a tiny model of every architecture that can be built here, through a checkup, a run and a decoupled run.

With ZOO_PAGE=FILE what came of it is written as the page of docs that says which architectures work.
"""

import os
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from sightscale.harness.evaluation import Plan, evaluate
from sightscale.model_adapters.checkup import Check, State, check_up
from sightscale.model_adapters.engines.loading import SEE_BESIDES
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.mini import QUESTIONS
from sightscale.tasks.vocabulary import Outcome

pytestmark = pytest.mark.zoo

ROOT = Path(__file__).parents[2]
ARCHITECTURES = sorted(
    line.removeprefix("def write_").partition("(")[0]
    for line in Path(__file__).with_name("tiny_models.py").read_text().splitlines()
    if line.startswith("def write_") and "tokenizer" not in line
)
SEVERAL = ("a second picture does", "a third picture does")
BATCHES = {State.OK: "equal", State.NOTE: "equal but for ties", State.FAULT: "differ"}
HEADS = ("architecture", "checkup", "pictures per question", "no picture", "batches", "sighted and blind", "decoupled")
PAGE = """# Which architectures work

`make test-zoo` builds a tiny model with random weights for every architecture below, from transformers' own classes. It
puts each through `sightscale doctor`, a run of {questions} questions sighted and blind, and a decoupled run as the
perception module. It wrote this page, with {versions}.

- **checkup**: the faults that `doctor` found.
- **pictures per question**: the most that it took at once, of up to three that we tried.
- **no picture**: an architecture that needs a picture can't be asked without one. Measure it with `black`, `noise` or
  `mismatched` instead.
- **batches**: whether four answers in one batch equal those asked one by one. In a tie, two tokens are almost equally
  likely and rounding decides.
- **`chat_template=NAME`**: this architecture's checkpoints have no chat template, so name the built-in one:
  `MODEL,chat_template=NAME`.

{table}

{refused}

The weights are random, so the table says that the code works for an architecture, not that we tried a published
checkpoint: `sightscale doctor MODEL` checks yours. We did not build these other architectures of transformers that take
pictures: {rest}.
"""
ASKED = 2


@pytest.fixture(scope="module")
def rows() -> Iterator[list[tuple[str, ...]]]:
    """What came of each architecture, in the order of `HEADS`; written as a page at the end."""
    made: list[tuple[str, ...]] = []
    yield made
    if page := os.environ.get("ZOO_PAGE"):
        (ROOT / page).write_text(write_page(sorted(made)), encoding="utf-8")


def write_page(made: list[tuple[str, ...]]) -> str:
    """The page of docs, with the versions of what matters."""
    names = ("transformers", "torch", "pillow", "timm", "torchvision")
    versions = ", ".join(f"{name} {find_version(name)}" for name in names)
    asked = [row for row in made if len(row) == len(HEADS)]
    lines = [" | ".join(row) for row in (HEADS, ("---",) * len(HEADS), *asked)]
    refused = "\n".join(f"Refused: {row[0]}, because {row[1]}." for row in made if row not in asked)
    built = {row[0].split()[0].strip("`").replace("_", "-") for row in made}
    every = (*MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, *SEE_BESIDES)
    rest = ", ".join(name for name in every if same_name(name) not in {same_name(name) for name in built})
    table = "\n".join(f"| {line} |" for line in lines)
    return PAGE.format(questions=ASKED, versions=versions, table=table, refused=refused, rest=rest)


def same_name(name: str) -> str:
    return name.replace("-", "").replace("_", "")


def find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_architecture_can_be_measured(
    architecture: str,
    write_tiny: Callable[[str, Path], Path],
    tiny_models: ModuleType,
    hub_fonts: Path,
    rows: list[tuple[str, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(QUESTIONS, str(ASKED))
    folder = write_tiny(architecture, tmp_path / architecture)
    template = tiny_models.FAMILIES.get(architecture)
    needs = {"chat_template": template} if template else {}
    checks = {check.name: check for check in check_up(str(folder), {"dtype": "float32", **needs})}
    if architecture in tiny_models.REFUSED:
        assert list(checks) == ["loads"] and checks["loads"].state == State.FAULT
        reason = checks["loads"].says.split("can't be measured: ")[1]
        assert "\n" not in reason and "; choose" in reason
        rows.append((f"`{architecture}`", reason))
        return
    faults = [check for check in checks.values() if check.state == State.FAULT]
    ran = decoupled = "not tried"
    if checks["loads"].state == State.OK:
        extra = "".join(f",{name}={value}" for name, value in needs.items())
        ran = run(f"{folder},max_new_tokens=6{extra}", tmp_path / "run", ("black",))
        extra = "".join(f",perception_{name}={value}" for name, value in needs.items())
        asked = (
            f"decoupled:perception={folder},reasoning=nano_40k_reasoner,perception_tokens=6,answer_tokens=6,greedy=true"
        )
        decoupled = run(asked + extra, tmp_path / "decoupled", ())
    rows.append(
        (
            f"`{architecture}`" + (f" with `chat_template={template}`" if template else ""),
            "; ".join(f"{fault.name}: {fault.says}" for fault in faults) or "no fault",
            str(count_pictures(checks)),
            "works" if checks["no picture works"].state == State.OK else "needs one",
            BATCHES[checks["a batch of 4 equals one by one"].state],
            ran,
            decoupled,
        )
    )
    assert not faults
    assert (ran, decoupled) == ("works", "works")


def count_pictures(checks: dict[str, Check]) -> int:
    """How many pictures of a question change its answer."""
    return 1 + sum(name in checks and checks[name].state == State.OK for name in SEVERAL)


def run(model: str, output: Path, conditions: tuple[str, ...]) -> str:
    """`works`, or why the first answer that failed did."""
    plan = Plan(parse_model(model), model, ("in_domain_gqa",), conditions, output, data="mini")
    records: pd.DataFrame = evaluate(plan)
    failures = records[records["outcome"] == Outcome.FAILED]
    return "works" if failures.empty else str(failures.iloc[0]["error"])
