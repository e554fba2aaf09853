"""Chat templates for families whose checkpoints have none, each with the prompt that its makers used for questions.

Where no mark of a picture is written, the family's processor puts the picture's tokens itself, before the text.
"""

_TEXTS = (
    "{%- set texts = namespace(all=[]) -%}{%- for message in messages -%}"
    "{%- if message['content'] is string -%}{%- set texts.all = texts.all + [message['content']] -%}"
    "{%- else -%}{%- for part in message['content'] if part['type'] == 'text' -%}"
    "{%- set texts.all = texts.all + [part['text']] -%}{%- endfor -%}{%- endif -%}{%- endfor -%}"
)
_PICTURES = (
    "{%- for message in messages if message['content'] is not string -%}"
    "{%- for part in message['content'] if part['type'] == 'image' -%}MARK{%- endfor -%}{%- endfor -%}"
)
_JOINED = "{{- texts.all | join('\n') -}}"

FAMILY_TEMPLATES = {
    # "answer en" is the task that its mixed checkpoints were tuned on for questions (Beyer et al., 2024).
    "paligemma": _PICTURES.replace("MARK", "{{- '<image>' -}}") + _TEXTS + "{{- 'answer en ' -}}" + _JOINED,
    "blip_2": _TEXTS + "{{- 'Question: ' -}}" + _JOINED + "{{- ' Answer:' -}}",
    "instructblip": _TEXTS + _JOINED,
    "florence2": _TEXTS + _JOINED,
    "blip": _TEXTS + _JOINED,
    "git": _TEXTS + _JOINED,
    "pix2struct": _TEXTS + _JOINED,  # drawn over the picture
    "fuyu": _TEXTS + _JOINED + "{{- '\n' -}}",
    "kosmos2": _TEXTS + "{{- 'Question: ' -}}" + _JOINED + "{{- ' Answer:' -}}",
    "got_ocr2": (
        "{{- '<|im_start|>system\nYou should follow the instructions carefully and explain your answers in detail."
        "<|im_end|><|im_start|>user\n' -}}"
        + _PICTURES.replace("MARK", "{{- '<img><imgpad></img>\n' -}}")
        + _TEXTS
        + _JOINED
        + "{{- '<|im_end|><|im_start|>assistant\n' -}}"
    ),
}


def name_family(model_type: str) -> str | None:
    """The template for models of this type; None where there is none. `blip-2` and `kosmos-2` are spelled otherwise."""
    name = {"blip-2": "blip_2", "kosmos-2": "kosmos2"}.get(model_type, model_type)
    return name if name in FAMILY_TEMPLATES else None
