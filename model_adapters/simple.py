"""Simple: an end-to-end model as lmms-eval's simple models are asked, which alone are asked to score continuations.

`lmms-eval --model sightscale --force_simple --tasks TASK` runs tasks of the output type `multiple_choice` or
`loglikelihood`, and those that are generated too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lmms_eval.api.instance import GenerationResult, TokenCounts

from sightscale.model_adapters.end_to_end import EndToEnd
from sightscale.model_adapters.requests import Request, make_request
from sightscale.tasks.errors import UserError


@dataclass(frozen=True)
class _Asked:
    """One instance's place: the prompt that it shares with others, and its continuation."""

    prompt: tuple[str, str, int, str]
    continuation: str


class SimpleEndToEnd(EndToEnd):
    """The same model with the same arguments, asked with a text and pictures apart from it."""

    is_simple = True

    def read_instance(self, instance: Any) -> Request:
        context, generation, to_pictures, doc_id, task, split = instance.args
        return _make_request(context, to_pictures, doc_id, task, split, self.task_dict, generation or {})

    def loglikelihood(self, requests: list[Any]) -> list[Any]:
        """For each instance the mean of its tokens' negative log-probabilities, and whether greedy decoding writes it.

        It is a loss, as lmms-eval's own models return it and as its `multiple_choice` reads it: the smallest wins. A
        continuation's outer white space is left to the chat template. Each pair comes wrapped, since lmms-eval's
        evaluator makes text of bare pairs. Raises UserError for a request without a document.
        """
        prompts: dict[tuple[str, str, int, str], Request] = {}
        asked: list[_Asked] = []
        for instance in requests:
            if len(instance.args) != 6:
                raise UserError("acc_mutual_info asks for a continuation without a question; leave that metric out")
            context, continuation, to_pictures, doc_id, task, split = instance.args
            place = (task, split, doc_id, context)
            if place not in prompts:
                prompts[place] = _make_request(context, to_pictures, doc_id, task, split, self.task_dict, {})
            words = (
                continuation
                if isinstance(continuation, str)
                else str(continuation(self.task_dict[task][split][doc_id]))
            )
            asked.append(_Asked(place, words.strip()))
        continuations: dict[tuple[str, str, int, str], list[str]] = {place: [] for place in prompts}
        for one in asked:
            if one.continuation not in continuations[one.prompt]:
                continuations[one.prompt].append(one.continuation)
        traces = dict(zip(prompts, self.score(list(prompts.values()), list(continuations.values())), strict=True))
        results = []
        for one in asked:
            trace = traces[one.prompt]
            if trace.error:  # a loss cannot say that there is none
                raise UserError(f"task {one.prompt[0]}, document {one.prompt[2]} can't be scored: {trace.error}")
            scored = trace.continuations[continuations[one.prompt].index(one.continuation)]
            pair: Any = (-scored.logprob / scored.tokens, scored.is_greedy)
            results.append(GenerationResult(pair, TokenCounts(trace.input_tokens, 0)))
        return results


def _make_request(
    context: str,
    to_pictures: Any,
    doc_id: int,
    task: str,
    split: str,
    task_dict: Mapping[str, Any],
    generation: Mapping[str, Any],
) -> Request:
    return make_request(
        task, split, doc_id, task_dict[task][split], partial(_write_messages, context, to_pictures), generation
    )


def _write_messages(context: str, to_pictures: Any, document: Any) -> list[dict[str, Any]]:
    """A simple model's text and pictures as one message, the pictures first, as lmms-eval makes messages of a task."""
    pictures = (to_pictures(document) if to_pictures else None) or []
    content = [{"type": "image", "url": picture} for picture in pictures] + [{"type": "text", "text": context}]
    return [{"role": "user", "content": content}]
