"""Conversations of the mini suite: the train split alone, the same on every machine, and true."""

import json
import random
import re

import pytest

from sightscale.model_adapters.decoupled.prompts import perception_prompt
from sightscale.model_adapters.engines.thinking import split_thinking
from sightscale.tasks.mini import DRILLS, SETS, draw_item, iterate_items
from sightscale.tasks.mini.items import split_of
from sightscale.tasks.mini.rendering import render
from sightscale.trainers.data.conversations import IGNORED
from sightscale.trainers.data.mini import LabelledMini, MiniConversations, attributes, mini_texts
from sightscale.trainers.data.mini_forms import FORMS, WORDED, caption, extraction, pose, split_sentences
from sightscale.trainers.recipe import ALONE, fits

IN_DOMAIN = [name for name in SETS if name.startswith("in_domain/")]
TRAINED = [name for name in (*SETS, *DRILLS) if name != "mmstar"]
DESCRIBED = [*IN_DOMAIN, *(name for name in SETS if name.startswith("mmstar/"))]
WITH_PICTURE = ("describe", "focus", "open", "choice")


def test_a_conversation_depends_on_its_seed_and_place_alone() -> None:
    forms = dict.fromkeys((*WITH_PICTURE, *ALONE), 1.0)
    one, again, other = (MiniConversations(IN_DOMAIN, forms, seed) for seed in (0, 0, 1))
    for i in (7, 3, 999_999):
        assert one[i].turns == again[i].turns and one[i].origin == again[i].origin
        assert [picture().tobytes() for picture in one[i].pictures] == [p().tobytes() for p in again[i].pictures]
    assert [one[i].turns for i in range(10)] != [other[i].turns for i in range(10)]


def test_every_scene_is_of_the_train_split() -> None:
    rows = MiniConversations(IN_DOMAIN, {"open": 1.0}, 0)
    scenes = [picture.args[0] for i in range(60) for picture in rows[i].pictures]  # type: ignore[attr-defined]
    assert len(scenes) == 60 and {split_of(scene) for scene in scenes} == {"train"}
    tested = {json.dumps(item.scene, sort_keys=True) for name in IN_DOMAIN for item in iterate_items(name, "test", 60)}
    assert not tested & {json.dumps(scene, sort_keys=True) for scene in scenes}


@pytest.mark.parametrize("form", WITH_PICTURE)
def test_forms_with_a_picture_show_the_one_they_speak_of(form: str) -> None:
    row = MiniConversations(["in_domain/GQA"], {form: 1.0}, 0)[5]
    (picture,) = row.pictures
    item = draw_item("in_domain/GQA", "train", 0, 5)
    assert picture().tobytes() == render(item.scene).tobytes()
    ((asked, told),) = row.turns
    if form == "focus":
        assert asked == perception_prompt(item.focus) and sorted(told.rstrip(".").split(". ")) == sorted(
            item.description.rstrip(".").split(". ")
        )
    elif form == "describe":
        assert asked == perception_prompt()
    else:
        assert item.question in asked and told == (item.letter if form == "choice" else item.answer)


@pytest.mark.parametrize("form", sorted(ALONE))
def test_forms_of_text_alone_show_nothing(form: str) -> None:
    rows = MiniConversations(IN_DOMAIN, {form: 1.0}, 0)
    assert not any(rows[i].pictures for i in range(20))


@pytest.mark.parametrize("form", ["choice", "reason", "think"])
def test_worded_answers_differ_from_lettered_ones_in_the_option_alone(form: str) -> None:
    lettered, worded = (MiniConversations(IN_DOMAIN, {form: 1.0}, 0, worded=worded) for worded in (False, True))
    changed = 0
    for i in range(40):
        item = draw_item(lettered[i].origin.removeprefix("mini/").rpartition(":")[0], "train", 0, i)
        ((asked, answer),), ((asked_alike, in_words),) = lettered[i].turns, worded[i].turns
        assert asked == asked_alike and in_words.endswith(item.answer)
        if answer != in_words:
            changed += 1
            assert answer.endswith(item.letter)
            assert answer.removesuffix(item.letter) == in_words.removesuffix(item.answer)
    assert changed > 20


def test_thinking_ends_and_is_followed_by_the_answer() -> None:
    rows = MiniConversations(IN_DOMAIN, {"think": 1.0}, 0)
    for i in range(20):
        ((asked, told),) = rows[i].turns
        thinking, answer = split_thinking(told)
        assert thinking and re.match("Answer: .", answer) and "Please reason step by step" in asked


def test_words_to_repeat_are_the_answer_and_in_no_order() -> None:
    rows = MiniConversations(IN_DOMAIN, {"repeat": 1.0}, 0)
    lists = [rows[i].turns[0] for i in range(30)]
    assert all(asked.endswith("\n" + told) for asked, told in lists)
    assert len({told.split()[0] for _, told in lists}) > 10


def test_a_caption_tells_part_and_nothing_else() -> None:
    for name in IN_DOMAIN:
        item = draw_item(name, "train", 0, 1)
        sentences = item.description.rstrip(".").split(". ")
        shares = []
        for seed in range(30):
            told = caption(item, random.Random(seed)).rstrip(".").split(". ")
            assert told[0] == sentences[0] and all(one in sentences for one in told)
            shares.append(len(told) / len(sentences))
        assert len(sentences) == 1 or min(shares) < 1
        assert sorted(extraction(item).rstrip(".").split(". ")) == sorted(sentences)


def test_a_question_is_posed_as_its_task_or_mmstar_does() -> None:
    item = draw_item("in_domain/GQA", "train", 0, 0)
    first, question = item.options[0], re.escape(item.question)
    forms = {
        rf"Question: {question}\nOptions:\nA\. {first}\n.*": 2 / 3,
        rf"{question}(<image 1>)?\nOptions: A: {first}, B: .*": 0.77 / 3,
        rf"Hint: .*\nQuestion: {question}(<image 1>)?\nChoices:\n\(A\) {first}\n.*": 0.23 / 3,
    }
    posed = [pose(item, random.Random(seed)) for seed in range(2000)]
    assert all(asked.endswith("\n") and len(read_letters(asked)) == len(item.options) for asked in posed)
    shares = [sum(bool(re.fullmatch(form, asked, re.DOTALL)) for asked in posed) / len(posed) for form in forms]
    assert sum(shares) == 1 and shares == pytest.approx(list(forms.values()), abs=0.04)


def ask_of_descriptions(form: str, name: str, n: int) -> list[tuple[str, list[str], str, set[str]]]:
    """Of a set's first `n` items the description, the options asked about, the answer, and the sentences' ends.

    A description with nothing to ask about is told instead, and isn't here.
    """
    asked_about = []
    for i in range(n):
        item = draw_item(name, "train", 0, i)
        asked, answer = WORDED[form](item, random.Random(i))
        options = re.findall(r"(?:^|[\s(])[A-D][.:)] (.+?)(?=, [B-D]: |\n)", asked)
        if not options:
            assert asked == perception_prompt()
            continue
        ends = {written for _, _, written in split_sentences(item.description)}
        asked_about.append((item.description, options, answer, ends))
    return asked_about


@pytest.mark.parametrize("name", DESCRIBED)
def test_the_right_end_of_a_sentence_is_in_the_description_and_no_other_option_is(name: str) -> None:
    asked_about = ask_of_descriptions("complete", name, 40)
    for description, options, end, ends in asked_about:
        assert len(options) == 4 and end in options and end in description
        assert [option for option in options if option in ends] == [end]
    assert len(asked_about) > 25


@pytest.mark.parametrize("name", DESCRIBED)
def test_of_the_options_under_a_misleading_question_the_description_has_the_right_one(name: str) -> None:
    asked_about = ask_of_descriptions("pick", name, 60)
    for description, options, answer, ends in asked_about:
        words = set(re.findall(r"\w+", description))
        assert len(set(options)) == 4
        assert [answer] in ([option for option in options if option in written] for written in (ends, words))
    assert len(asked_about) > 40


@pytest.mark.parametrize("form", ["complete", "pick"])
def test_nothing_is_asked_about_mmstars_scenes_but_which_end_fits(form: str) -> None:
    for name in (name for name in SETS if name.startswith("mmstar/")):
        for i in range(40):
            item = draw_item(name, "train", 0, i)
            asked, _ = FORMS[form](item, random.Random(i))
            assert item.question not in asked
            assert form == "pick" or "…" not in asked.partition("\nOptions")[0]


def test_places_that_changed_are_those_where_things_differ() -> None:
    for i in range(30):
        item = draw_item("nights", "train", 0, i)
        _, told = FORMS["changed"](item, random.Random(i))
        counts = [0 if part.endswith("none") else part.count(",") + 1 for part in told.split("; ")]
        assert counts[0] != counts[1] and (counts[1] < counts[0]) == (item.answer == "right")


def read_letters(asked: str) -> list[str]:
    """The letters that name options, each but the first after a space or on a line of its own."""
    return re.findall(r"(?:^|\s)\(?([A-E])[.:)] ", asked)


def test_texts_for_a_tokenizer_hold_every_form() -> None:
    texts = mini_texts(["in_domain/GQA"], n=5)
    fitting = [form for form in FORMS if fits(form, "in_domain/GQA")]
    assert {*WITH_PICTURE, *ALONE} < set(fitting)
    assert len(texts) == 5 * 2 * len(fitting) and any("<think>" in text for text in texts)


def test_labels_are_what_the_scene_says() -> None:
    pictures = LabelledMini(["in_domain/GQA", "in_domain/TextVQA"], 50, 0)
    names = list(pictures.values)
    assert all(len(values) > 1 == len(set(values)) / len(values) for values in pictures.values.values())
    for i in (0, 7):
        one, again = pictures[i], pictures[i]
        assert one.labels == again.labels and len(one.labels) == len(names)
        scene = one.picture.args[0]  # type: ignore[attr-defined]
        known = attributes(scene)
        for name, label in zip(names, one.labels, strict=True):
            if name in known:
                assert pictures.values[name][label] == known[name]
            else:
                assert label == IGNORED
