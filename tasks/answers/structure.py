"""The structure of a response: what is thought, tagged, boxed, quoted as JSON or marked up, and what is left to read.

`lay_out` gives plain text in which a slot that a response fills (a box, a tag, a field) stands as a line `Answer: …`.
`simplify` is the part of it that concerns single characters and TeX. Options go through it too, so that an answer and
an option that look alike are alike.
"""

import json
import re
import unicodedata
from typing import Any

MAX_CHARACTERS = 20_000  # of a response, its end: an answer stands there

_PIECE = 2_000  # characters

_THINKING = (
    *(("<" + name + ">", "</" + name + ">") for name in (
        "think", "thinking", "thought", "thoughts", "reasoning", "reflection", "analysis", "scratchpad", "cot",
        "seed:think", "internal_thought", "rationale")),
    ("[think]", "[/think]"),
    ("[thinking]", "[/thinking]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|thinking_start|>", "<|thinking_end|>"),
    ("<|start_thinking|>", "<|end_thinking|>"),
    ("<unused94>", "<unused95>"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
)  # fmt: skip
_OPENS = {opening: number for number, (opening, _) in enumerate(_THINKING)}
_CLOSES = {closing: number for number, (_, closing) in enumerate(_THINKING)}
_THINKING_TAG = re.compile("|".join(re.escape(tag) for tag in sorted({*_OPENS, *_CLOSES}, key=len, reverse=True)), re.I)
_TAG = re.compile(r"<(answer|final_answer|final|output|choice|option|solution|result|ans)>", re.I)
_TAG_END = re.compile(r"</\w{2,20}>|<\|?(?:im_end|end|eot)")
MAX_TAGS = 5  # the last ones
_BEGIN_SOLUTION = re.compile(r"<\|begin_of_solution\|>|<\|channel\|>final<\|message\|>|<\|begin_of_box\|>", re.I)
_FENCE = re.compile(r"^[ \t]{0,8}(?:```|~~~)[ \t]*[\w+-]{0,20}[ \t]*$", re.M)
_FIELD = (
    r"(?:final_?\s?answer|correct_?\s?(?:answer|option|choice)|answer|option|choice|letter|prediction|"
    r"selected_?\s?option|response|result|答案|选项)"
)
_JSON_FIELD = re.compile(rf"^{_FIELD}$", re.I)
_LOOSE_FIELD = re.compile(
    rf"[\"']{_FIELD}[\"']\s{{0,4}}:\s{{0,4}}(?:\"((?:[^\"\\]|\\.){{0,400}})\"|'([^'\n]{{0,400}})')", re.I
)
_MARKUP = re.compile(
    r"\*+|`+|__+|^[ \t]{0,8}#{1,6}(?=\s)|^[ \t]{0,8}>+[ \t]|</?s>|<\|[^|<>]{1,40}\|>|</?(?:b|i|u|strong|em|p|br)\s?/?>",
    re.M | re.I,
)
_ZERO_WIDTH = dict.fromkeys(
    [*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0xAD, *range(0xFE00, 0xFE10)]
)
_MARKS = str.maketrans(
    {**dict.fromkeys("‘’‚‛′`´", "'"), **dict.fromkeys("“”„‟″«»「」『』", '"'), **dict.fromkeys("‐‑‒–—―−", "-"),
     **dict.fromkeys("【〔〖", "["), **dict.fromkeys("】〕〗", "]"), "。": ".", "、": ",", "·": ".", "•": "*",
     "：": ":",
     "，": ",", "；": ";", "\r": "\n", "\x0b": "\n", "\x0c": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"}
)  # fmt: skip
_TEX_WRAP = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|mathtt|operatorname|mbox|boxed|fbox|underline|bm|boldsymbol|textsf|emph)"
    r"\s{0,3}\{([^{}]{0,400})\}"
)
_TEX_SPACE = re.compile(r"\\(?:[,;:! ]|quad\b|qquad\b|left\b|right\b|displaystyle\b|big[lr]?\b|limits\b)")
_TEX_DEGREES = re.compile(r"\s?\^\s?\{?\s?\\circ\s?\}?|\s?\\degree\b|\s?°")
_TEX_NAMES = re.compile(
    r"\\(dfrac|tfrac|cfrac|frac|sqrt|times|cdot|pi|div|pm|leq?|geq?|neq?|approx|infty|alpha|beta|gamma|theta|"
    r"angle|triangle|%|\$|#|&|_)(?![A-Za-z])|\\(%|\$|#|&|_)"
)
_TEX_SYMBOLS = {
    **{"times": "×", "cdot": "*", "pi": "π", "div": "÷", "pm": "±", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥"},
    **{"ne": "≠", "neq": "≠", "approx": "≈", "infty": "∞", "alpha": "α", "beta": "β", "gamma": "γ", "theta": "θ"},
    **{"angle": "∠", "triangle": "△", "dfrac": "\\frac", "tfrac": "\\frac", "cfrac": "\\frac", "frac": "\\frac"},
    **{"sqrt": "\\sqrt", "%": "%", "$": "$", "#": "#", "&": "&", "_": "_"},
}
_TEX_SHORT = re.compile(r"\\frac\s?([0-9])\s?([0-9])|\\sqrt\s?([0-9])")
_MATH = re.compile(r"\$\$?([^$\n]{1,400}?)\$\$?(?!\d)|\\\((.{1,400}?)\\\)|\\\[(.{1,400}?)\\\]", re.S)
_MARKUP_SIGNS = re.compile(r"[*`_#>|<]")
_SPACES = re.compile(r"[^\S\n ][^\S\n]*| [^\S\n]+")
_LINES = re.compile(r" ?\n\s*")
_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s{0,3}\{|<\|begin_of_box\|>")
_BETWEEN_BOXES = re.compile(r"[\s$\\().,]{0,20}(?:and|or|,|&|或|和)[\s$\\().,]{0,20}|[\s$,]{0,10}")
_RUN_ON = re.compile(
    r"\n\s{0,20}(?:#{1,4}\s{0,3})?(?:question|q|human|user|instruction|problem|example|问题|题目|<image>)\s{0,3}\d{0,4}\s{0,3}[:.)]",
    re.I,
)


def lay_out(raw: str) -> str:
    """A response as plain text to read, its slots as lines `Answer: …`; the empty string where nothing is left."""
    text = raw[-4 * MAX_CHARACTERS :]
    field = _read_json(text)
    if field is None:
        text = strip_thinking(text)[-MAX_CHARACTERS:]
        text = _BEGIN_SOLUTION.split(text)[-1] if "<|" in text else text
        field = _read_json(text)
    if field is not None:
        return simplify(f"Answer: {field}")
    tagged = read_tag(text)
    if tagged:
        text = f"Answer: {tagged}"
    text = _LOOSE_FIELD.sub(lambda match: f"\nAnswer: {match[1] or match[2] or ''}\n", text) if ":" in text else text
    text = _FENCE.sub("", text) if "``" in text or "~~" in text else text
    return simplify(_open_boxes(text) if "box" in text else text)


def simplify(text: str) -> str:
    """One form for what looks alike: compatibility characters, quotes, dashes, TeX, mark-up, spaces."""
    if not text.isascii():
        text = _compose(text.translate(_MARKS)).translate(_ZERO_WIDTH)
    text = text.replace("\r", "\n")
    if "\\" in text:
        text = _TEX_NAMES.sub(lambda match: _TEX_SYMBOLS.get(match[1] or match[2], match[0]), text)
        for _ in range(2):  # \\text{\\textbf{B}}
            text = _TEX_WRAP.sub(r"\1", text)
        text = _TEX_SPACE.sub(" ", _TEX_DEGREES.sub("°", text)).replace("~", " ")
        text = _TEX_SHORT.sub(
            lambda match: f"\\sqrt{{{match[3]}}}" if match[3] else f"\\frac{{{match[1]}}}{{{match[2]}}}", text
        )
    if "$" in text or "\\" in text:
        text = _MATH.sub(_unwrap_math, text)
    if "°" in text:
        text = _TEX_DEGREES.sub("°", text)
    if _MARKUP_SIGNS.search(text):
        text = _MARKUP.sub("", text)
    text = _SPACES.sub(" ", text)
    return (_LINES.sub("\n", text) if "\n" in text else text).strip()


def strip_thinking(text: str) -> str:
    """A response without what was thought: paired tags, what stands before a lone closing tag or behind a lone opening.

    An opening tag inside a quoted string is a word of it. An `<answer>` behind an opening tag is still an answer.
    """
    kept: list[str] = []
    place = depth = hidden = 0
    for tag in _THINKING_TAG.finditer(text):
        name = tag[0].casefold()
        if name in _OPENS:
            if depth == 0 and text.count('"', text.rfind("\n", 0, tag.start()) + 1, tag.start()) % 2:
                continue
            hidden = hidden if depth else tag.start()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                kept.append(text[place:hidden])
                place = tag.end()
        elif name != "<|end|>":
            kept.clear()
            place = tag.end()
    if not depth:
        return "".join(kept) + text[place:]
    answer = read_tag(text[hidden:], closed=True)
    return "".join(kept) + text[place:hidden] + (f"<answer>{answer}</answer>" if answer else "")


def read_tag(text: str, closed: bool = False) -> str | None:
    """What stands in the last tag `<answer>`, or one alike, that isn't empty; with `closed`, only where it closes."""
    for tag in reversed(list(_TAG.finditer(text))[-MAX_TAGS:]) if "<" in text else ():
        end = _TAG_END.search(text, tag.end())
        inner = text[tag.end() : end.start() if end else len(text)].strip()
        if inner and (end or not closed):
            return inner
    return None


def _compose(text: str) -> str:
    """The end of a text in compatibility form; a character may become eighteen, so it is done piece by piece."""
    pieces: list[str] = []
    length = 0
    for end in range(len(text), 0, -_PIECE):
        piece = unicodedata.normalize("NFKC", text[max(0, end - _PIECE) : end])
        pieces.append(piece)
        length += len(piece)
        if length >= MAX_CHARACTERS:
            break
    return "".join(reversed(pieces))[-MAX_CHARACTERS:]


def split_run_on(text: str) -> str | None:
    """What stands before the questions that a model goes on to ask itself, or None where it asks none."""
    match = _RUN_ON.search(text)
    return text[: match.start()] if match and text[: match.start()].strip() else None


def _read_json(text: str) -> str | None:
    """The answer's field of a response that is JSON, or holds one JSON object in a code fence; None without one."""
    body = text.strip()
    if "{" not in body or len(body) > MAX_CHARACTERS:
        return None
    fenced = re.fullmatch(r"(?s)(?:[^{}\[\]`]{0,400})```[a-zA-Z]{0,10}\s*(.*?)\s*```[^{}\[\]`]{0,400}", body)
    body = fenced[1] if fenced else body
    if body[:1] not in "{[":
        return None
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return None
    for key in reversed(value):
        if _JSON_FIELD.match(str(key)) and value[key] not in (None, "", [], {}):
            return _write_field(value[key])
    return None


def _write_field(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_write_field(item) for item in value[:30] if not isinstance(item, list))
    if isinstance(value, dict):
        return ". ".join(str(item) for item in value.values() if isinstance(item, (str, int, float)))
    return str(value)


def _open_boxes(text: str) -> str:
    """The text with each TeX box as a line `Answer: …`; boxes that "or" or "and" joins make one line."""
    parts: list[str] = []
    place = 0
    joined = False
    for box in _BOX.finditer(text):
        if box.start() < place:
            continue
        start, depth, end = box.end(), 1, box.end()
        if box[0].startswith("<"):
            end = text.find("<|end_of_box|>", start)
            end = len(text) if end < 0 else end
        else:
            for brace in re.compile(r"\\.|[{}]", re.S).finditer(text, start):
                depth += {"{": 1, "}": -1}.get(brace[0], 0)
                end = brace.start()
                if depth == 0:
                    break
            if depth:  # a box that never closes was cut off
                break
        between = text[place : box.start()]
        if parts and not joined and _BETWEEN_BOXES.fullmatch(between):
            parts[-1] = parts[-1].rstrip("\n") + " and " + text[start:end] + "\n"
        else:
            parts += [re.sub(r"\$+\s{0,5}$", "", between), f"\nAnswer: {text[start:end]}\n"]
        place = end + 1 if not box[0].startswith("<") else end + len("<|end_of_box|>")
        while text[place : place + 1] == "$":
            place += 1
    return "".join(parts) + text[place:]


def _unwrap_math(match: re.Match[str]) -> str:
    inner = match[1] or match[2] or match[3]
    if match[1] and re.match(r"\d[\d.,]*\s+[A-Za-z]{2,}", inner):  # "$5 and $"
        return match[0]
    return str(inner).strip() if match[1] is None or not match[0].startswith("$$") else str(inner)
