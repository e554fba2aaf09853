"""Titles: letters that look like others fold to them, and no title says what the board says itself."""

import pytest

from sightscale.leaderboards.entry.titles import check_title, fold_title, refuse_board_words

LIKE_NANO = ("NANO", "n-a n o", "nаno", "ｎａｎｏ", "ɴᴀɴᴏ", "𝐧𝐚𝐧𝐨", "ⓝⓐⓝⓞ", "nanø", "ƞano", "náño", "ꓠꓮꓠꓳ", "ⲛⲁⲛⲟ")


@pytest.mark.parametrize("title", LIKE_NANO)
def test_letters_that_look_like_others_fold_to_them(title: str) -> None:
    assert fold_title(title) == "nano"


@pytest.mark.parametrize("title", ["nana", "nano 2", "нано", "なの", "纳诺"])
def test_other_words_stay_others(title: str) -> None:
    assert fold_title(title) != "nano" and check_title(title) == title


@pytest.mark.parametrize("title", ["𐐬𐐬 model", "𐌏𐌏"])
def test_letters_of_dead_alphabets_are_refused(title: str) -> None:
    with pytest.raises(ValueError, match="few devices show"):
        check_title(title)


@pytest.mark.parametrize("title", ["纳诺 𠮷", "Model 𝟚", "Модель", "نموذج"])
def test_living_alphabets_are_taken(title: str) -> None:
    assert check_title(title) == title


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("nano, checked", "checked"),
        ("nano (Verified)", "verified"),
        ("nano · self-reported", "selfreported"),
        ("nano сhecked", "checked"),
        ("nano ✔", "a mark"),
    ],
)
def test_no_title_says_what_the_board_says_itself(title: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        refuse_board_words(title)


@pytest.mark.parametrize("title", ["nano, spell-checked", "LoRA rank 16", "nano 2.5M, Extract+Think"])
def test_other_titles_are_taken(title: str) -> None:
    assert refuse_board_words(title) == title
