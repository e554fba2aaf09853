"""Likelihoods: the answer to a multiple-choice question, read from how likely a model is to write each option.

Two texts may continue the prompt for each option: its letter, and its text. The `letter` rule compares the
log-probabilities of the letters. The `text` rule compares those of the texts, divided by their number of tokens, so
that short texts have no advantage (as lm-evaluation-harness' `acc_norm` divides by bytes). Nothing is generated or
parsed.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from sightscale.tasks.errors import UserError
from sightscale.tasks.scoring import Scored, score_response
from sightscale.tasks.vocabulary import AnswerFormat, AnswersBy, Outcome

LIKELIHOOD = "likelihood"
READ_BY = {f"{LIKELIHOOD}:{rule}": rule for rule in AnswersBy}  # how records and manifests name the rules


@dataclass(frozen=True)
class OptionLikelihood:
    """Log-probabilities in nats of an option's letter and of its text, each with its number of tokens.

    An option without a text has only those of its letter.
    """

    letter: float
    letter_tokens: int
    text: float | None = None
    text_tokens: int = 0

    def by(self, rule: AnswersBy) -> float | None:
        """The value that the rule compares; None if the option has no text and the rule needs it."""
        if rule is AnswersBy.LETTER:
            return self.letter
        return None if self.text is None else self.text / self.text_tokens


OptionLikelihoods = Mapping[str, OptionLikelihood]  # by letter


def parse_answers(text: str) -> str:
    """`likelihood:letter` or `likelihood:text` from what `--answers` says; nothing for written answers.

    `likelihood` alone is by letter. Raises UserError for anything else.
    """
    named = f"{LIKELIHOOD}:{AnswersBy.LETTER}" if text == LIKELIHOOD else text
    if named and named not in READ_BY:
        raise UserError(f"--answers {text!r} is unknown; write likelihood, likelihood:letter or likelihood:text")
    return named


def choose(likelihoods: OptionLikelihoods, rule: AnswersBy) -> str | None:
    """The letter of the likeliest option; None if two are equally likely, or if an option lacks its text."""
    counted = {letter: option.by(rule) for letter, option in likelihoods.items()}
    values = [value for value in counted.values() if value is not None]
    if not values or len(values) < len(counted) or values.count(max(values)) > 1:
        return None
    best = max(values)
    return next(letter for letter, value in counted.items() if value == best)


def share_of(letter: str, likelihoods: OptionLikelihoods, rule: AnswersBy) -> float | None:
    """The logarithm, in nats, of an option's share among all options; None where it has none.

    By letter it is the probability that the model writes this letter, given that it writes one of the options'. By text
    it is the softmax of log-probabilities a token: a distribution too, if not one of whole texts.
    """
    counted = {name: option.by(rule) for name, option in likelihoods.items()}
    if letter not in counted or any(value is None for value in counted.values()):
        return None
    values = {name: value for name, value in counted.items() if value is not None}
    best = max(values.values())
    return values[letter] - best - math.log(sum(math.exp(value - best) for value in values.values()))


def letter_mass(likelihoods: OptionLikelihoods) -> float:
    """The probability that an answer begins with an option's letter. Near 0, the model answers in another form."""
    return sum(math.exp(min(0.0, option.letter)) for option in likelihoods.values())


def score_likelihoods(
    likelihoods: OptionLikelihoods, rule: AnswersBy, target: str, options: Mapping[str, str]
) -> Scored:
    """Score the likeliest option. If there is none, there is no prediction, and the score is 0."""
    letter = choose(likelihoods, rule)
    if letter is None:
        return Scored(None, Outcome.UNPARSED, 0.0)
    return Scored(letter, Outcome.LIKELIEST, score_response(AnswerFormat.CHOICE, letter, target, options).score)


def write_likelihoods(likelihoods: OptionLikelihoods) -> str:
    """Likelihoods as a record keeps them: `{"A": {"letter": [nats, tokens], "text": [nats, tokens]}, …}`."""
    return json.dumps(
        {
            name: {
                "letter": [option.letter, option.letter_tokens],
                **({} if option.text is None else {"text": [option.text, option.text_tokens]}),
            }
            for name, option in likelihoods.items()
        }
    )


def read_likelihoods(text: str) -> dict[str, OptionLikelihood]:
    """What a record keeps. Raises ValueError for anything that `write_likelihoods` doesn't write."""
    try:
        likelihoods = {str(name): _read_option(value) for name, value in json.loads(text).items()}
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"these are no likelihoods of options: {text[:80]!r}") from error
    if not likelihoods:
        raise ValueError("these are likelihoods of no option")
    return likelihoods


def _read_option(value: Mapping[str, list[float]]) -> OptionLikelihood:
    (letter, letter_tokens), (text, text_tokens) = value["letter"], value.get("text") or (None, 1)
    sums = [float(value) for value in (letter, text) if value is not None]
    if not all(math.isfinite(value) for value in sums) or int(letter_tokens) < 1 or int(text_tokens) < 1:
        raise ValueError("a likelihood is no finite number, or of no token")
    return OptionLikelihood(
        float(letter),
        int(letter_tokens),
        None if text is None else float(text),
        0 if text is None else int(text_tokens),
    )
