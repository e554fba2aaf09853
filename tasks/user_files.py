"""Text files from users: reads them into memory, and raises a UserError for anything wrong with one."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from sightscale.tasks.errors import UserError, blaming, first_line

MAX_BYTES = 64 * 2**20


def read_text(path: Path, what: str) -> str:
    """The text of a file, without a byte order mark. `what` names it in errors, such as "the recipe".

    Raises UserError if it can't be read, isn't UTF-8, or is larger than MAX_BYTES.
    """
    with blaming(path, f"read {what}"), path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UserError(f"cannot read {what} {path}: it is larger than {MAX_BYTES / 2**20:g} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"it isn't UTF-8 text (byte {error.start:,}); save it as UTF-8"
        raise UserError(f"cannot read {what} {path}: {reason}") from error


class StrictLoader(yaml.SafeLoader):
    """Reads YAML, and refuses a repeated key in a mapping, of which other loaders silently keep the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node. Raises yaml.YAMLError for a repeated key."""
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if repeated := [key for key, times in keys.items() if times > 1]:
            raise yaml.YAMLError(f"the key {repeated[0]!r} is given twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, what: str) -> Any:
    """The value in a YAML file. Raises UserError as `read_text`, for invalid YAML, and for a repeated key."""
    text = read_text(path, what)
    try:
        return yaml.load(text, StrictLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: an impossible date
        raise UserError(f"{what} {path} is not YAML: {find_yaml_fault(error)}") from error


def find_yaml_fault(error: Exception) -> str:
    """What is wrong with a YAML file and where, in one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return first_line(error)


def read_json(path: Path, what: str) -> Any:
    """The value in a JSON file. Raises UserError as `read_text`, for invalid JSON, and for a repeated key."""
    text = read_text(path, what)
    try:
        return json.loads(text, object_pairs_hook=_refuse_repeated)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{what} {path} is not JSON: {first_line(error)}") from error


def _refuse_repeated(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        repeated, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {repeated!r} is given twice")
    return read
