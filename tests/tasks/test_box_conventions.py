"""Boxes by model: each model's convention, and the picture that a model's pixels are of."""

from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from sightscale.tasks.box_conventions import (
    BY_MODEL_TYPE,
    Resizing,
    box_convention_of,
    convention_for,
    resizing_of,
    shown_size,
)
from sightscale.tasks.boxes import parse_convention, read_box

SIZE = (640, 480)
BOX = (0.25, 0.5, 0.75, 0.9)


@pytest.mark.parametrize("model_type", BY_MODEL_TYPE)
def test_every_model_has_a_convention_that_is_read(model_type: str) -> None:
    parse_convention(box_convention_of(model_type))


@pytest.mark.parametrize(
    ("model_type", "response"),
    [
        ("qwen2_vl", "<|box_start|>(250,500),(750,900)<|box_end|>"),
        ("qwen2_5_vl", '[{"bbox_2d": [161, 238, 483, 428], "label": "dog"}]'),
        ("qwen3_vl", '[{"bbox_2d": [250, 500, 750, 900], "label": "dog"}]'),
        ("internvl", "<ref>dog</ref><box>[[250, 500, 750, 900]]</box>"),
        ("paligemma", "<loc0512><loc0256><loc0922><loc0768> dog"),
        ("florence2", "dog<loc_250><loc_500><loc_749><loc_899>"),
        ("deepseek_vl_v2", "<|ref|>dog<|/ref|><|det|>[[250, 500, 749, 899]]<|/det|>"),
        ("llava", "[0.25, 0.5, 0.75, 0.9]"),
        ("gemma3", '```json\n[{"box_2d": [500, 250, 900, 750], "label": "dog"}]\n```'),
        ("gemma3", "[500, 250, 900, 750]"),
        ("glm4v", "The dog is at <|begin_of_box|>[[250, 500, 750, 900]]<|end_of_box|>."),
        ("minicpmv", "<box>250 500 750 900</box>"),
    ],
)
def test_a_model_s_own_form_comes_to_the_same_fractions(model_type: str, response: str) -> None:
    convention = convention_for(model_type, SIZE)
    assert read_box(response, SIZE, convention).box == pytest.approx(BOX, abs=2e-3)


def test_a_model_that_points_draws_no_box() -> None:
    reading = read_box(
        '<point x="40.5" y="60.1" alt="dog">dog</point> [1, 2, 3, 4]', SIZE, convention_for("molmo", SIZE)
    )
    assert (reading.box, reading.outcome, reading.reason) == (
        None,
        "unparsed",
        "the model writes points, and no boxes",
    )


def test_kosmos_writes_cells() -> None:
    reading = read_box("<object><patch_index_0264><patch_index_0792></object>", SIZE, convention_for("kosmos-2", SIZE))
    assert reading.box == pytest.approx((8.5 / 32, 8.5 / 32, 24.5 / 32, 24.5 / 32))
    one_row = read_box("<patch_index_0000><patch_index_0003>", SIZE)
    assert one_row.box == pytest.approx((0, 0, 4 / 32, 1 / 32))


def test_an_unknown_model_is_told_by_its_values() -> None:
    assert convention_for("brand_new_vl", SIZE) == "auto"


@given(
    st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([(56 * 56, 28 * 28 * 1280), (256 * 784, 1280 * 784)])
)
def test_the_shown_size_is_that_of_the_processor(width: int, height: int, bounds: tuple[int, int]) -> None:
    resizing = Resizing(28, *bounds)
    try:
        down, across = smart_resize(height, width, 28, *bounds)
    except ValueError:
        with pytest.raises(ValueError, match="can't be resized"):
            shown_size((width, height), resizing)
        assert convention_for("qwen2_5_vl", (width, height)) == "pixels"
        return
    assert shown_size((width, height), resizing) == (across, down)


def test_bounds_come_from_the_processor() -> None:
    sizes = {"shortest_edge": 3136, "longest_edge": 12_845_056}
    images = SimpleNamespace(patch_size=16, merge_size=2, size=sizes)
    assert resizing_of(SimpleNamespace(image_processor=images)) == Resizing(32, 3136, 12_845_056)
    assert resizing_of(None) == Resizing()
