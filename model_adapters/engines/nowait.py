"""NoWait: the token ids that carry a reflexive keyword, derived from any tokenizer by a rule.

The keywords are those of "Wait, We Don't Need to 'Wait'!" (arXiv 2506.08343) as the study of arXiv
2511.17487 used them: without a bare "any", which the published list of ids leaves free. A ban of tokens
has one limit: where a tokenizer writes "waiter" as "wait" and "er", the word can't be begun that way.
"""

from typing import Any

from sightscale.tasks.errors import UserError

_KEYWORDS = """
wait alternatively hmm but however alternative another check doublecheck oh maybe verify other again now ah
anyway anyhow
"""

# What else the study's published list of 189 ids bans: tokens that only contain a keyword.
_PUBLISHED_EXTRAS = """
alternatives andwait anyways callcheck checked checkedchanged checking checknotnull classcallcheck contribut
dcheck début ibut ischecked nullcheck otherbuttontitles othermal otherwise qverify setchecked tersebut
testcheck unchecked utcnow verifying waited waitfor waitforseconds waitkey webdriverwait
"""

RULES = {"words": frozenset(_KEYWORDS.split()), "qwen3": frozenset((_KEYWORDS + _PUBLISHED_EXTRAS).split())}


def banned_tokens(tokenizer: Any, rule: str) -> list[int]:
    """The ids, in order, of tokens whose letters, lower-cased, are exactly one of the rule's words.

    `words` bans the keywords alone, so that "waiter" or " otherwise" stay allowed (131 ids of Qwen3's
    vocabulary); `qwen3` gives the study's published 189 ids there. Raises UserError for another rule.
    """
    words = read_rule(rule)
    ids = range(len(tokenizer))
    texts = tokenizer.batch_decode([[token] for token in ids], clean_up_tokenization_spaces=False)
    return [token for token, text in zip(ids, texts, strict=True) if _letters(text) in words]


def read_rule(rule: str) -> frozenset[str]:
    """The words that a rule bans. Raises UserError in one line for a rule that doesn't exist."""
    if rule not in RULES:
        raise UserError(f"unknown NoWait rule {rule!r}; known: {', '.join(RULES)}")
    return RULES[rule]


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalpha())
