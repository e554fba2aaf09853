from .adapter import Decoupled as Decoupled
from .focus import (
    WRITING as WRITING,
    FocusWriter as FocusWriter,
    prompt_hash as prompt_hash,
    read_published as read_published,
    write_focus as write_focus,
)
from .prompts import (
    focus_prompt as focus_prompt,
    perception_prompt as perception_prompt,
    reasoning_prompt as reasoning_prompt,
)
