"""Chat replies: what a server of OpenAI's protocol sent, as a completion or a reason why it is none."""

import json
import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from sightscale.model_adapters.engines import MAX_REASON, Completion
from sightscale.model_adapters.engines.thinking import join_thinking

MAX_REPLY_BYTES = 16 * 2**20
MAX_TOKENS_COUNTED = 2**31


class UnusableReply(Exception):
    """A reply that is no answer, and that asking again wouldn't change."""


def read_reply(content: bytes, seconds: float) -> Completion:
    """The completion in the body of a successful reply, with thinking told apart by the server folded back in.

    Raises UnusableReply in one line when the body isn't what the protocol says.
    """
    try:
        reply = json.loads(content)
        choice = reply["choices"][0]
        message = choice["message"]
        answer, finish = message.get("content"), choice.get("finish_reason")
        thinking = message.get("reasoning_content") or message.get("reasoning")
        usage = reply.get("usage")
    except (ValueError, RecursionError) as error:
        raise UnusableReply("the server's answer is no JSON") from error
    except (LookupError, TypeError, AttributeError) as error:
        raise UnusableReply("the server's answer has no choices[0].message") from error
    if not isinstance(answer, str | None) or not isinstance(thinking, str | None):
        raise UnusableReply("the server's answer holds something else than text")
    if finish not in ("stop", "length"):
        raise UnusableReply(f"the server ended the answer for another reason than its end: {clean(str(finish))}")
    if answer is None and thinking is None and finish == "stop":
        raise UnusableReply("the server's answer holds no text")
    text = join_thinking(thinking, answer or "", ended=bool(answer) or finish == "stop")
    return Completion(
        text=text.encode("utf-8", "replace").decode(),  # JSON can say halves of surrogate pairs
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        seconds=seconds,
        finish_reason=finish,
    )


def refusal(status: int, content: bytes, secret: str = "") -> str:
    """The reason in a reply that isn't a success, in one line and without the secret."""
    message = content[:10_000].decode("utf-8", "replace")
    try:
        parsed: Any = json.loads(content)
        error = parsed.get("error", parsed)
        message = str(error.get("message", message) if isinstance(error, dict) else error)
    except (ValueError, RecursionError, AttributeError):
        message = message or "no reason given"
    message = message.replace(secret, "***") if secret else message
    return f"HTTP {status}: {clean(message)}"


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
