"""By likelihood: a model whose answer to a multiple-choice question is the option it is likeliest to write.

It wraps a model of ours and stands inside a blindfold, so that blind conditions hide the same. Each option's letter and
text are scored as answers to the very prompt that the model would be asked to write one to.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sightscale.model_adapters.adapter import Adapter, Parts, Trace
from sightscale.model_adapters.engines import Engine
from sightscale.model_adapters.requests import Request, TextDocuments
from sightscale.tasks.likelihoods import READ_BY, OptionLikelihood, choose
from sightscale.tasks.vocabulary import AnswersBy

ReadOptions = Callable[[str, Mapping[str, Any]], Mapping[str, str]]  # a task's name and a document to its options


class ByLikelihood(Adapter):
    """The model inside, its answers read from likelihoods."""

    def __init__(self, inner: Adapter, answers: str, read_options: ReadOptions) -> None:
        """`answers` is `likelihood:letter` or `likelihood:text`; both are scored whichever decides."""
        super().__init__(inner.label)
        self.inner, self.answers, self.read_options = inner, answers, read_options
        self._documents = TextDocuments()

    @property
    def identity(self) -> str:
        return f"{self.inner.identity}; answers by {self.answers}"

    @property
    def parts(self) -> Parts:
        return self.inner.parts

    @property
    def settings(self) -> dict[str, Any]:
        return {**self.inner.settings, "answers": self.answers}

    def wrap_engines(self, wrap: Callable[[str, Engine], Engine]) -> None:
        self.inner.wrap_engines(wrap)

    @property
    def eyes(self) -> Engine | None:
        return self.inner.eyes

    @property
    def reader(self) -> Engine | None:
        return self.inner.reader

    def answer(self, requests: Sequence[Request], condition: str = "") -> list[Trace]:
        self.inner.task_dict = self.task_dict
        options = [self._options_of(request) for request in requests]
        asked = [[*each, *(text for text in each.values() if text.strip())] for each in options]
        traces = self.inner.score(requests, asked, condition)
        return [self._read(trace, each) for trace, each in zip(traces, options, strict=True)]

    def _options_of(self, request: Request) -> Mapping[str, str]:
        documents = self.task_dict[request.task][request.split]
        return self.read_options(request.task, self._documents.read(request.task, documents, request.doc_id))

    def _read(self, trace: Trace, options: Mapping[str, str]) -> Trace:
        """The trace with the letter of the likeliest option as its response; none where two are equally likely."""
        trace = replace(trace, answers=self.answers)
        if trace.error is not None:
            return trace
        rule = READ_BY[self.answers]
        letters, texts = trace.continuations[: len(options)], iter(trace.continuations[len(options) :])
        likelihoods = {}
        for (letter, text), scored in zip(options.items(), letters, strict=True):
            of_text = next(texts) if text.strip() else None
            likelihoods[letter] = OptionLikelihood(
                scored.logprob,
                scored.tokens,
                of_text.logprob if of_text else None,
                of_text.tokens if of_text else 0,
            )
        if rule is AnswersBy.TEXT and any(one.text is None for one in likelihoods.values()):
            return replace(trace, error="an option of the question has no text to score; read answers by letter")
        return replace(trace, response=choose(likelihoods, rule) or "", likelihoods=likelihoods)
