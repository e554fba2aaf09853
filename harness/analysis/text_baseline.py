"""The text-only baseline: what the words of a question and of its options give away of the answer, without a picture.

Two logistic regressions (scikit-learn), both judged on questions that they weren't fitted on, with all questions on one
picture in the same fold. The first tells right options from wrong ones by their words together with the question's. The
second learns from the question's words alone how often the first one's guess is right. It is small on purpose: what it
finds, any language model can find.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightscale.harness.statistics import Array
from sightscale.tasks.errors import UserError

if TYPE_CHECKING:
    from sklearn.model_selection import GroupKFold

FOLDS = 10
FEWEST = 50  # questions below which nothing can be learned
FIT = 1.0  # inverse strength of regularisation
CAREFUL = 0.1  # of the second, which has one row a question
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class TextQuestion:
    """A question without its picture: the words before its options, the options by letter, and the right letter."""

    text: str
    options: Mapping[str, str]
    target: str
    cluster: str


def guess_from_text(questions: Sequence[TextQuestion], *, seed: int = 0) -> pd.DataFrame:
    """For each question: `guess`, the letter that its words speak for; `guessed`, whether it is right; `by_text`.

    `by_text` is how likely the guess is right, told from questions like it: 0.25 is what a coin of four sides gets.
    Raises UserError for too few questions, or pictures, to learn from.
    """
    clusters = pd.factorize(pd.Series([question.cluster for question in questions]))[0]
    if not can_learn(questions):
        raise UserError(f"a text-only baseline needs {FEWEST} questions with options on {FOLDS} pictures or more")
    guesses = _choose_options(questions, clusters, seed)
    hits = np.array([guess == question.target for guess, question in zip(guesses, questions, strict=True)])
    texts = [_plain(question.text) for question in questions]
    return pd.DataFrame({"guess": guesses, "guessed": hits, "by_text": _expect_hits(texts, hits, clusters, seed)})


def can_learn(questions: Sequence[TextQuestion]) -> bool:
    """Whether there are enough questions, and pictures, to learn from."""
    return len(questions) >= FEWEST and len({question.cluster for question in questions}) >= FOLDS


def _choose_options(questions: Sequence[TextQuestion], clusters: NDArray[np.int64], seed: int) -> list[str]:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    rows = [(number, letter, question) for number, question in enumerate(questions) for letter in question.options]
    features = DictVectorizer().fit_transform([_describe(question, letter) for _, letter, question in rows])
    right = np.array([letter == question.target for _, letter, question in rows])
    numbers = np.array([number for number, _, _ in rows])
    scores = np.zeros(len(rows))
    for fit, judge in _folds(GroupKFold(FOLDS, shuffle=True, random_state=seed), clusters[numbers]):
        model = LogisticRegression(C=FIT, max_iter=1000).fit(features[fit], right[fit])
        scores[judge] = model.decision_function(features[judge])
    best: dict[int, tuple[float, str]] = {}
    for (number, letter, _), score in zip(rows, scores, strict=True):
        if number not in best or score > best[number][0]:
            best[number] = (float(score), letter)
    return [best[number][1] if number in best else "" for number in range(len(questions))]


def _expect_hits(texts: Sequence[str], hits: NDArray[np.bool_], clusters: NDArray[np.int64], seed: int) -> Array:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    expected = np.full(len(texts), float(hits.mean()))
    try:
        words = CountVectorizer(ngram_range=(1, 2), binary=True, min_df=3).fit_transform(texts)
    except ValueError:  # no word stands in three questions, so none tells anything
        return expected
    # Other folds than the guesses had, so that what one fold's guesses were fitted on doesn't mark its questions.
    for fit, judge in _folds(GroupKFold(FOLDS, shuffle=True, random_state=seed + 1), clusters):
        if hits[fit].any() and not hits[fit].all():
            model = LogisticRegression(C=CAREFUL, max_iter=1000).fit(words[fit], hits[fit])
            expected[judge] = model.predict_proba(words[judge])[:, 1]
        else:
            expected[judge] = hits[fit].mean()
    return expected


def _folds(splitter: "GroupKFold", groups: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    return list(splitter.split(np.zeros(len(groups)), groups=groups))


def _describe(question: TextQuestion, letter: str) -> dict[str, float]:
    """An option's words, each beside the question's, its place and its length among the others."""
    option, text = question.options[letter], _plain(question.text)
    whole, asked = option.lower().strip(), set(_WORD.findall(text))
    features = {f"option {whole}": 1.0, f"asked {text} option {whole}": 1.0, f"letter {letter}": 1.0}
    features |= {f"asked {word} option {whole}": 1.0 for word in asked}
    words = set(_WORD.findall(whole))
    features |= {f"word {word}": 1.0 for word in words}
    if words & asked:
        features["shares a word"] = 1.0
    lengths = [len(other) for other in question.options.values()]
    features["longest"], features["shortest"] = float(len(option) == max(lengths)), float(len(option) == min(lengths))
    return features


def _plain(text: str) -> str:
    """Lower case, numbers alike, one space between words: questions of one kind read the same."""
    return " ".join(_WORD.findall(_NUMBER.sub("#", text.lower())))
