"""NoWait's ids on real tokenizers, and the counts that are published for Qwen3's."""

import base64
import hashlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sightscale.model_adapters.engines.nowait import banned_tokens

KEYWORDS = ["wait", "alternatively", "hmm", "but", "however", "alternative", "another", "check", "oh", "maybe"]
KEYWORDS += ["verify", "other", "again", "now", "ah", "anyway", "anyhow"]
INNOCENT = ["waiter", " waiter", " otherwise", "WebDriverWait", " checking", " button", " known", " brother", " Utah"]
INNOCENT += [" any", " against", " attribute", " alternatives", " ahead", " nowhere"]


def test_each_keyword_is_banned_however_it_is_written(smollm2_tokenizer: Any) -> None:
    banned = set(banned_tokens(smollm2_tokenizer, "words"))
    for word in KEYWORDS:
        for written in (word, f" {word}", word.capitalize(), f" {word.capitalize()}", word.upper(), f" {word.upper()}"):
            ids = smollm2_tokenizer.encode(written)
            if len(ids) == 1:
                assert ids[0] in banned, written
    for id_ in banned:
        assert re.sub(r"[^a-z]", "", smollm2_tokenizer.decode([id_]).lower()) in KEYWORDS


def test_words_that_only_contain_a_keyword_stay_allowed(smollm2_tokenizer: Any) -> None:
    banned = set(banned_tokens(smollm2_tokenizer, "words"))
    whole = {text: ids[0] for text in INNOCENT if len(ids := smollm2_tokenizer.encode(text)) == 1}
    assert len(banned) > 50 and len(whole) > 8
    assert not {text for text, id_ in whole.items() if id_ in banned}


def test_the_published_rule_adds_the_listed_words_only(smollm2_tokenizer: Any) -> None:
    words = set(banned_tokens(smollm2_tokenizer, "words"))
    published = set(banned_tokens(smollm2_tokenizer, "qwen3"))
    added = {smollm2_tokenizer.decode([id_]).strip().lower() for id_ in published - words}
    assert words < published
    assert {"otherwise", "checking", "alternatives"} <= added
    assert not {"waiter", "button", "known"} & added


def test_a_rule_that_does_not_exist_is_named(smollm2_tokenizer: Any) -> None:
    with pytest.raises(ValueError, match=r"unknown NoWait rule 'all'; known: words, qwen3"):
        banned_tokens(smollm2_tokenizer, "all")


class QwenVocabulary:
    """Qwen's vocabulary as the package dashscope carries it; Qwen3's ids below 151,643 are the same."""

    def __init__(self, path: Path) -> None:
        ranks = dict(line.split() for line in path.read_bytes().splitlines() if line)
        self.tokens = {int(rank): base64.b64decode(token) for token, rank in ranks.items()}

    def __len__(self) -> int:
        return len(self.tokens)

    def batch_decode(self, rows: list[list[int]], **_: Any) -> list[str]:
        return [b"".join(self.tokens[i] for i in row).decode("utf-8", "replace") for row in rows]


@pytest.fixture(scope="module")
def qwen() -> QwenVocabulary:
    spec = find_spec("dashscope")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs the package dashscope, which carries Qwen's vocabulary: pip install --no-deps dashscope")
    return QwenVocabulary(Path(spec.submodule_search_locations[0]) / "resources" / "qwen.tiktoken")


def test_the_published_counts_for_qwen3_are_met(qwen: QwenVocabulary) -> None:
    assert len(qwen) == 151_643
    words = banned_tokens(qwen, "words")
    assert len(words) == 131
    allowed = set(qwen.batch_decode([[i] for i in set(qwen.tokens) - set(words)]))
    assert {" waiter", " otherwise", " WebDriverWait", ".utcnow", " checking", " button"} <= allowed
    published = banned_tokens(qwen, "qwen3")
    assert len(published) == 189
    # The digest of the sorted list in the study's own evaluation script.
    listed = hashlib.sha256(",".join(map(str, sorted(published))).encode()).hexdigest()
    assert listed == "25fed5c7375287bc75ea0bb1a8d7b0ba79c116fd1c0a5051f43a28a8e6e98a17"


def test_containing_a_keyword_would_ban_829_tokens_of_qwen3(qwen: QwenVocabulary) -> None:
    texts = qwen.batch_decode([[i] for i in range(len(qwen))])
    assert sum(any(word in text.lower() for word in KEYWORDS) for text in texts) == 829
