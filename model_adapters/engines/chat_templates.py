"""Chat templates: the one that a model has or is given, and whether it takes a message's parts or plain text."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, TemplateSyntaxError
from PIL import Image

from sightscale.model_adapters.engines import Message, Prompt
from sightscale.model_adapters.engines.family_templates import FAMILY_TEMPLATES, name_family
from sightscale.tasks.errors import UserError, first_line

_SHOWN = 80  # characters of a turn or of a reason that are shown
_SYSTEM = "Be brief and exact."
_DIGITS = 16  # hexadecimal digits of a template's hash
_GENERATION = re.compile(r"\{%[-+]?\s*(?:end)?generation\s*[-+]?%\}")  # a tag of transformers' own
_PROBE = "What is it?"
MEND = "mend it, or give another by chat_template=FILE"


def read_template(named: str | Path) -> str:
    """A chat template from a file, or the built-in one of a family of that name.

    Raises UserError in one line when it can't be read, is empty or isn't jinja.
    """
    family = name_family(str(named).replace("-", "_"))
    if family:
        return FAMILY_TEMPLATES[family]
    path = Path(named).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"chat_template={named} is not a text file ({first_line(error)})") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        known = ", ".join(sorted(FAMILY_TEMPLATES))
        raise UserError(f"chat_template={named}: {reason}; built in are {known}") from error
    if not text.strip():
        raise UserError(f"chat_template={named} is an empty file")
    try:
        Environment(extensions=["jinja2.ext.loopcontrols"]).parse(_GENERATION.sub("", text))
    except TemplateSyntaxError as error:
        raise UserError(
            f"chat_template={named} is not valid jinja: line {error.lineno}: {first_line(error)}"
        ) from error
    return text


def mark_template(template: str | None) -> str:
    """For an engine's identity: nothing for a model's own template."""
    if template is None:
        return ""
    return f"|chat_template={hashlib.sha256(template.encode()).hexdigest()[:_DIGITS]}"


def settle_template(processor: Any, tokenizer: Any, template: str | None, *, name: str, model_type: str) -> str:
    """Give `processor` the template that its model is asked by: `template`, else its own, else its tokenizer's.

    Returns whose it is, in words. Raises UserError in one line when there is none, or when a question can't be put
    through it or is left out by it.
    """
    origins = {
        "given by chat_template": template,
        "its own": getattr(processor, "chat_template", None),
        "its tokenizer's": getattr(tokenizer, "chat_template", None),
    }
    origin = next((origin for origin, text in origins.items() if text), None)
    if origin is None:
        family = name_family(model_type)
        mend = f"add chat_template={family}, which is built in for its family" if family else "add chat_template=FILE"
        raise UserError(f"model {name!r} has no chat template, so it can't be asked a question; {mend}")
    processor.chat_template = origins[origin]
    named, mend = ("its chat_template", "") if template else (f"{origin} chat template", f"; {MEND}")
    text, picture = {"type": "text", "text": _PROBE}, {"type": "image"}
    written, fault = [], ""
    for content in (_PROBE,) if processor is tokenizer else ([text], [picture, text], _PROBE):
        try:
            written.append(_ask(processor, content))
        except TemplateSyntaxError as error:
            fault = fault or f"is no jinja: line {error.lineno}: {first_line(error)}"
        except Exception as error:  # a template may fail in any way, and may know one kind of content only
            fault = fault or f"fails on a plain question: {first_line(error)}"
    if not written:
        raise UserError(f"model {name!r}: {named} {fault}{mend}")
    if not any(_PROBE in prompt for prompt in written):
        raise UserError(f"model {name!r}: {named} leaves the question out of the prompt{mend}")
    return origin


def takes_parts(processor: Any) -> bool:
    """Whether a template writes a message's list of parts; one that knows plain text only fails or prints the list."""
    try:
        written = _ask(processor, [{"type": "image"}, {"type": "text", "text": _PROBE}])
        if _PROBE in written and "'type'" not in written:
            return True
    except Exception:  # a template may fail in any way
        pass
    try:
        return _PROBE not in _ask(processor, _PROBE)
    except Exception:  # neither way works, so that its prompts will fail with its own reason
        return True


def join_parts(parts: tuple[Any, ...], picture_mark: str | None) -> str:
    """A message's parts as plain text, the mark in each picture's place. Raises ValueError where there is none."""
    if picture_mark is None and not all(isinstance(part, str) for part in parts):
        raise ValueError("the chat template takes plain text only and the model has no mark for a picture's place")
    return "\n".join(part if isinstance(part, str) else str(picture_mark) for part in parts)


def refuse_loss(prompt: Prompt, written: str) -> None:
    """Raise ValueError where a template left out what a system's or a user's turn says, but for white space."""
    kept = " ".join(written.split())
    for message in prompt.messages:
        for part in message.parts:
            if message.role != "assistant" and isinstance(part, str) and " ".join(part.split()) not in kept:
                shown = part.strip().partition("\n")[0][:_SHOWN]
                raise ValueError(f"the chat template leaves out what the {message.role}'s turn says ({shown}); {MEND}")


@dataclass(frozen=True)
class Layout:
    """What a template makes of a picture before a question, and of a system's turn before that."""

    marks_picture: bool  # whether a picture changes the prompt at all
    puts_picture_last: bool  # whether it stands behind the question, though it came first
    system: str  # what is peculiar to a system's turn, in words; mostly nothing


def read_layout(write: Callable[[Prompt], str], picture: Image.Image) -> Layout:
    """How `write`, a model's way through its template, lays a prompt out. Raises what that raises at a picture."""
    seen = write(Prompt((Message("user", (picture, _PROBE)),)))
    try:
        bare = write(Prompt((Message("user", (_PROBE,)),)))
    except Exception:  # a template may insist on a picture
        return Layout(True, False, "")
    before, found, _ = seen.rpartition(_PROBE)
    last = seen != bare and bool(found) and before == bare.rpartition(_PROBE)[0]
    try:
        told = write(Prompt((Message("system", (_SYSTEM,)), Message("user", (_PROBE,)))))
        system = "" if _SYSTEM in told else "leaves out what a system's turn says"
    except Exception as error:  # a template may refuse it in any way
        system = f"takes no system's turn ({first_line(error)[:_SHOWN]})"
    return Layout(seen != bare, last, system)


def find_lead(processor: Any) -> str:
    """The white space that a template puts between the mark of an assistant's turn and its words; mostly none."""
    parts = [{"type": "text", "text": _PROBE}]
    for content in (parts, _PROBE):
        asked = [{"role": "user", "content": content}]
        told = [*asked, {"role": "assistant", "content": content}]
        try:
            prompt = processor.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
            whole = processor.apply_chat_template(told, tokenize=False, add_generation_prompt=False)
        except Exception:  # a template may fail in any way, and may know one kind of content only
            continue
        before, found, _ = str(whole).removeprefix(str(prompt)).partition(_PROBE)
        if found and str(whole).startswith(str(prompt)):
            return before if not before.strip() else ""
    return ""


def _ask(processor: Any, content: Any) -> str:
    messages = [{"role": "user", "content": content}]
    return str(processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
