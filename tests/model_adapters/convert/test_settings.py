"""Grids of views: every form in which LLaVA's checkpoints state them."""

import pytest
from hypothesis import given, strategies as st

from sightscale.model_adapters.convert.settings import read_pinpoints

SIX = [[384 * height, 384 * width] for width in range(1, 7) for height in range(1, 7)]


@pytest.mark.parametrize("stated", ["(1x1),...,(6x6)", "(1x1),…,(6x6)", " (1x1), ... ,(6x6)"])
def test_a_range_is_every_grid_in_it(stated: str) -> None:
    assert read_pinpoints(stated, 384) == SIX


def test_pairs_in_pixels_are_width_and_height() -> None:
    wanted = [[768, 384], [384, 1152]]
    assert read_pinpoints([[384, 768], [1152, 384]], 384) == wanted
    assert read_pinpoints("[[384, 768], [1152, 384]]", 384) == wanted
    assert read_pinpoints("[(384, 768), (1152, 384)]", 384) == wanted
    assert read_pinpoints("(1x1),(1x2)", 384) == [[384, 384], [768, 384]]


junk = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@given(
    junk | st.text("()x123,.[] ", max_size=30) | st.lists(st.lists(st.integers(-500, 99999), max_size=3), max_size=3)
)
def test_anything_else_is_refused_in_one_line(stated: object) -> None:
    try:
        found = read_pinpoints(stated, 28)
    except ValueError as error:
        assert "\n" not in str(error)
        return
    assert found and all(0 < side <= 64 * 28 and side % 28 == 0 for pair in found for side in pair)
    assert len(found) <= 64**2
