"""Labels: within the frame, on nothing else, and near their points where there is room."""

from itertools import combinations

from hypothesis import given, strategies as st

from sightscale.harness.pages.labels import HEIGHT, Label, place_labels

FRAME = (0.0, 0.0, 700.0, 380.0)
POINTS = st.lists(st.tuples(st.floats(20, 680), st.floats(20, 360), st.floats(5, 160)), max_size=12)


def box(label: Label, width: float) -> tuple[float, float, float, float]:
    left = label.x if label.side == "start" else label.x - width
    return left, label.y - HEIGHT + 2, left + width, label.y + 2


@given(POINTS)
def test_no_name_lies_on_another_or_leaves_the_frame(points: list[tuple[float, float, float]]) -> None:
    widths = [width for _, _, width in points]
    labels = place_labels([(x, y) for x, y, _ in points], widths, FRAME)
    boxes = [box(label, width) for label, width in zip(labels, widths, strict=True)]
    assert all(one[0] >= 0 and one[1] >= 0 and one[2] <= 700 and one[3] <= 380 for one in boxes)
    for one, other in combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_a_name_is_led_to_its_point_only_where_there_is_no_room_near_it() -> None:
    (alone,) = place_labels([(300.0, 200.0)], [80.0], FRAME)
    assert alone == Label(308.0, 193.0, "start", False)
    crowd = place_labels([(300.0, 200.0)] * 10, [80.0] * 10, FRAME)
    assert crowd[0] == alone and sum(one.far for one in crowd) >= 4


def test_a_name_too_long_for_the_frame_still_has_a_place() -> None:
    (left,), (right,) = (place_labels([(x, 50.0)], [900.0], FRAME) for x in (10.0, 690.0))
    assert (left.side, right.side) == ("start", "end")
