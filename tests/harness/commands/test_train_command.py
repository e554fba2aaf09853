"""How `sightscale train` scores what it releases: each kind in the role that it is made for."""

from pathlib import Path

import pytest

from sightscale.harness.commands.train import _scored_model
from sightscale.model_adapters.model_strings import parse_model
from sightscale.trainers.recipe import fits, load_recipe

FOLDER, REASONER = Path("out/model"), Path("out/reasoner")


def test_each_release_is_scored_in_its_own_role() -> None:
    text, words = _scored_model("text", FOLDER, REASONER, "mini")
    assert parse_model(text).arguments["perception"] == "truth" and "true descriptions" in words
    assert parse_model(text).arguments["reasoning"] == str(FOLDER)
    assert _scored_model("instruct", FOLDER, REASONER, "mini") == (str(FOLDER), "end to end")
    for kind in ("caption", "extract"):
        text, words = _scored_model(kind, FOLDER, REASONER, "mini")
        given = parse_model(text).arguments
        assert (given["perception"], given["reasoning"], given["focus"]) == (str(FOLDER), str(REASONER), "data")
        assert REASONER.name in words


@pytest.mark.parametrize(("kind", "reasoner", "data"), [("text", REASONER, "hub"), ("caption", None, "mini")])
def test_what_has_no_partner_is_not_scored(kind: str, reasoner: Path | None, data: str) -> None:
    assert _scored_model(kind, FOLDER, reasoner, data)[0] == ""


def test_the_nano_family_differs_in_the_language_model_alone() -> None:
    first, *others = (load_recipe(f"nano_{size}") for size in ("2m", "650k", "160k", "40k"))
    for other in others:
        assert (other.vision, other.seed, other.pictures) == (first.vision, first.seed, first.pictures)
        assert [one.model_dump(exclude={"release"}) for one in other.stages] == [
            one.model_dump(exclude={"release"}) for one in first.stages
        ]
    asking = {
        form
        for stage in first.stages
        for source in getattr(stage, "mixture", ())
        for form in source.forms
        if any(name.startswith("mmstar") and fits(form, name) for name in source.sets)
    }
    assert asking <= {"describe", "boxes", "tell", "complete", "pick"}  # MMStar's questions are never trained on
