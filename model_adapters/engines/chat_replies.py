"""Chat replies: what a server of OpenAI's protocol sent, as a completion or a reason why it is none."""

import json
import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from sightscale.model_adapters.engines import LIKELIEST, MAX_REASON, Choice, Completion, Likelihood
from sightscale.model_adapters.engines.thinking import join_thinking

MAX_REPLY_BYTES = 16 * 2**20
MAX_TOKENS_COUNTED = 2**31
MOST_TOKENS = 8  # of a character: a server may send any number of empty or blank ones
TOO_LIKELY = 1e-3  # a log-probability above it is none; rounding may leave one above 0


# Why a server says that an answer ended: OpenAI's two words, and what other servers write for them.
ENDED = {
    "stop",
    "eos",
    "eos_token",
    "eos_found",
    "end_turn",
    "end",
    "stop_sequence",
    "stop_token",
    "completed",
    "complete",
}
CUT = {"length", "max_tokens", "max_length", "max_new_tokens", "max_output_tokens", "model_length", "token_limit"}
TEXT_PARTS = ("text", "output_text", "refusal")
THINKING_PARTS = ("thinking", "reasoning")
BUSY = 429  # and every 5xx: asked again; other refusals would be the same next time


class UnusableReply(Exception):
    """A reply that is no answer, and that asking again wouldn't change."""


class BusyReply(Exception):
    """A reply that is no answer, from a server that may have one later."""


def read_reply(content: bytes, seconds: float, most_tokens: int | None = None, secret: str = "") -> Completion:
    """The completion in the body of a successful reply, with thinking told apart by the server folded back in.

    Text, thinking and the reason for the end are read as OpenAI's protocol has them, and as vLLM, TGI, llama.cpp's
    server, LM Studio, Ollama and SGLang deviate from it. An answer whose end has no reason is cut off if it has
    `most_tokens`. Raises UnusableReply or BusyReply in one line, with the server's own words and without the secret.
    """
    reply = _parse(content)
    if isinstance(reply, dict) and reply.get("error") and not reply.get("choices"):
        _refuse(reply["error"], secret)
    try:
        choice = reply["choices"][0]
        message = choice.get("message")
        message = {"content": choice["text"]} if message is None else message
        parts, finish = message.get("content"), choice.get("finish_reason")
        apart = message.get("reasoning_content") or message.get("reasoning") or message.get("thinking")
        declined = message.get("refusal")
        usage = reply.get("usage")
    except (LookupError, TypeError, AttributeError) as error:
        raise UnusableReply("the server's answer has no choices[0].message") from error
    answer, within = _read_parts(parts)
    thinking = _read_parts(apart)[0] or within
    if answer is None and declined is not None:
        answer = _read_parts(declined)[0]
    written = _count(usage, "completion_tokens")
    cut = _is_cut(finish, written, most_tokens)
    if answer is None and thinking is None and not cut:
        raise UnusableReply("the server's answer holds no text")
    text = join_thinking(thinking, answer or "", ended=bool(answer) or not cut)
    return Completion(
        text=text.encode("utf-8", "replace").decode(),  # JSON can say halves of surrogate pairs
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=written,
        seconds=seconds,
        finish_reason="length" if cut else "stop",
    )


def read_choices(content: bytes) -> list[Choice]:
    """The tokens of a successful reply with their log-probabilities; none where it tells none."""
    try:
        places = json.loads(content)["choices"][0]["logprobs"]["content"]
        return [
            Choice(
                str(place["token"]),
                float(place["logprob"]),
                {
                    str(other["token"]): float(other["logprob"])
                    for other in (place.get("top_logprobs") or ())[:LIKELIEST]
                },
            )
            for place in places
        ]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return []


def count_prompt_tokens(content: bytes) -> int:
    """How many tokens a prompt had, in the body of a successful reply. Raises UnusableReply where it doesn't say."""
    reply = _parse_object(content)
    counted = _count(reply.get("usage"), "prompt_tokens")
    if not counted:
        raise UnusableReply("the server doesn't say how many tokens a prompt has")
    return counted


def read_prompt_scores(content: bytes, continuation: str) -> tuple[Likelihood, int] | None:
    """How likely the end of a prompt was, and how many tokens the whole prompt had; None where the server doesn't tell.

    `prompt_logprobs` are read as vLLM's server writes them: for each token of the prompt its log-probability, its rank
    and its text. The last tokens must spell the continuation, but for white space before it. Raises UnusableReply.
    """
    told = _parse_object(content).get("prompt_logprobs")
    if not isinstance(told, list) or not told:
        return None
    places = [next(iter(place.values())) for place in told[1:] if isinstance(place, dict) and len(place) == 1]
    if len(places) != len(told) - 1:
        raise UnusableReply("the server's log-probabilities aren't of one token each")
    total, spelt, is_greedy = 0.0, "", True
    for number, place in enumerate(reversed(places), 1):
        try:
            logprob, rank, text = float(place["logprob"]), int(place["rank"]), str(place["decoded_token"])
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise UnusableReply("a token of the server's has no log-probability, rank and text") from error
        if not math.isfinite(logprob) or logprob > TOO_LIKELY:
            raise UnusableReply("a log-probability of the server's is none")
        total, spelt, is_greedy = total + logprob, text + spelt, is_greedy and rank == 1
        if spelt.lstrip() == continuation or spelt == continuation:
            return Likelihood(total, number, is_greedy), len(told)
        if len(spelt.lstrip()) > len(continuation) or number > MOST_TOKENS * (1 + len(continuation)):
            break
    raise UnusableReply(f"the server's tokens don't end with the continuation alone: {clean(spelt)}")


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnusableReply("the server's answer is no JSON") from error


def _parse_object(content: bytes) -> dict[str, Any]:
    reply = _parse(content)
    if not isinstance(reply, dict):
        raise UnusableReply("the server's answer is no object")
    return reply


def _read_parts(content: Any) -> tuple[str | None, str | None]:
    """Text and thinking of a message's content: a text, or parts with a type each."""
    if content is None or isinstance(content, str):
        return content, None
    if not isinstance(content, list):
        raise UnusableReply("the server's answer holds something else than text")
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content:
        kind = part.get("type", "text") if isinstance(part, dict) else "text"
        value = part.get(kind, part.get("text")) if isinstance(part, dict) else part
        if isinstance(value, list):  # thinking as a list of parts of its own
            value = _read_parts(value)[0]
        if not isinstance(value, str) or kind not in (*TEXT_PARTS, *THINKING_PARTS):
            raise UnusableReply("the server's answer holds something else than text")
        (thoughts if kind in THINKING_PARTS else texts).append(value)
    return ("".join(texts) if texts else None), ("".join(thoughts) if thoughts else None)


def _is_cut(finish: Any, written: int, most_tokens: int | None) -> bool:
    """Whether an answer met the limit of tokens. Raises UnusableReply for one that ended for a third reason."""
    if isinstance(finish, dict):  # SGLang's own form
        finish = finish.get("type")
    if finish is None:
        return most_tokens is not None and written >= most_tokens
    word = finish.strip().lower() if isinstance(finish, str) else ""
    if word not in ENDED | CUT:
        raise UnusableReply(f"the server ended the answer for another reason than its end: {clean(str(finish))}")
    return word in CUT


def _refuse(error: Any, secret: str) -> None:
    """Raise what an error in a reply with status 200 means."""
    stated = str(error.get("code", error.get("status"))) if isinstance(error, dict) else ""
    code = int(stated) if re.fullmatch("[1-5][0-9]{2}", stated) else None
    reason = f"the server's answer is an error: {_quote(error, secret)}"
    if code is not None and 400 <= code < 500 and code != BUSY:
        raise UnusableReply(reason)
    raise BusyReply(reason)


def refusal(status: int, content: bytes, secret: str = "") -> str:
    """The reason in a reply that isn't a success, in one line and without the secret."""
    try:
        parsed: Any = json.loads(content)
    except (ValueError, RecursionError):
        parsed = content[:10_000].decode("utf-8", "replace")
    return f"HTTP {status}: {_quote(parsed, secret)}"


def _quote(error: Any, secret: str) -> str:
    """A server's own words in whatever form it has them."""
    while isinstance(error, dict):
        inner = next((error[key] for key in ("error", "message", "detail", "error_message") if error.get(key)), None)
        if inner is None:
            break
        error = inner
    words = error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)[: 4 * MAX_REASON]
    words = words.replace(secret, "***") if secret else words
    return clean(words) or "no reason given"


def read_retry_after(header: str | None) -> float | None:
    """The seconds that a Retry-After header asks for, given as a number or a date; None if it says neither."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            date = parsedate_to_datetime(header)
        except ValueError:
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = (date - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def clean(text: str) -> str:
    """Untrusted text on one line of bounded length, without what could steer a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * MAX_REASON]).split())[:MAX_REASON]


def _count(usage: Any, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_TOKENS_COUNTED else 0


def list_models(content: bytes) -> set[str]:
    """The names in a server's list of models; none where it is no such list."""
    try:
        listed = json.loads(content[:MAX_REPLY_BYTES])["data"]
        return {model["id"] for model in listed if isinstance(model["id"], str)}
    except (ValueError, TypeError, KeyError, RecursionError):
        return set()
