"""The house: floors import downwards, rooms are entered by their door, and nothing imports in a circle.

A floor is a top-level folder. A room is a folder inside one; its door is its `__init__`, whose `__all__` says what
others may use. The command line (`harness/commands`) is the composition root: it alone may reach every floor.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
FLOORS = {
    "tasks": {"tasks"},
    "model_adapters": {"tasks", "model_adapters"},
    "trainers": {"tasks", "model_adapters", "trainers"},
    "harness": {"tasks", "model_adapters", "harness"},
    "leaderboards": {"tasks", "harness", "leaderboards"},
}
COMMANDS = "harness.commands"
MAY_TRAIN = "harness.study"  # a study trains its recipes, so this room may reach trainers


def list_modules() -> dict[str, Path]:
    """Every module of the floors, by its name below `sightscale`."""
    modules = {}
    for floor in FLOORS:
        for path in (HERE / floor).rglob("*.py"):
            parts = path.relative_to(HERE).with_suffix("").parts
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


MODULES = list_modules()
ROOMS = {name for name, path in MODULES.items() if path.name == "__init__.py" and "." in name}


def list_names(room: str) -> set[str]:
    """What a room's door imports from inside, which is what it hands on."""
    door = MODULES[room]
    text = door.read_text() + (door.with_suffix(".pyi").read_text() if door.with_suffix(".pyi").is_file() else "")
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom))
    return {alias.asname or alias.name for node in nodes for alias in node.names}


def list_imports(module: str) -> Iterator[tuple[str, str, int]]:
    """What a module imports of ours, wherever in the file: (module below `sightscale`, name or "", line)."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (
                (alias.name.removeprefix("sightscale."), "", node.lineno)
                for alias in node.names
                if alias.name.startswith("sightscale.")
            )
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sightscale."):
            source = str(node.module).removeprefix("sightscale.")
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                handed_on = source in ROOMS and alias.name in list_names(source)
                is_module = inner in MODULES and not handed_on
                yield (inner, "", node.lineno) if is_module else (source, alias.name, node.lineno)


def rooms_of(module: str) -> list[str]:
    """The rooms that a module lies in, the outermost first; a room lies in itself."""
    parts = module.split(".")
    names = (".".join(parts[:end]) for end in range(2, len(parts) + 1))
    return [name for name in names if name in ROOMS]


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_imports_downwards_only(floor: str) -> None:
    for module in MODULES:
        if module.split(".")[0] != floor or COMMANDS in rooms_of(module) or module == "harness.cli":
            continue
        allowed = FLOORS[floor] | ({"trainers"} if MAY_TRAIN in rooms_of(module) else set())
        wrong = [(source, line) for source, _, line in list_imports(module) if source.split(".")[0] not in allowed]
        assert not wrong, f"{MODULES[module]}: {wrong}"


@pytest.mark.parametrize("floor", FLOORS)
def test_another_room_is_entered_by_its_door(floor: str) -> None:
    wrong = []
    for module in MODULES:
        if module.split(".")[0] != floor:
            continue
        inside = set(rooms_of(module))
        for source, name, line in list_imports(module):
            foreign = next((room for room in rooms_of(source) if room not in inside), None)
            if foreign and source != foreign and module != "harness.cli":  # it registers each command's module
                wrong.append(f"{module}:{line} reaches into {foreign} for {source} {name}")
            if name.startswith("_"):
                wrong.append(f"{module}:{line} takes the private name {name} of {source}")
    assert not wrong, "\n".join(wrong)


def test_every_room_says_what_others_may_use() -> None:
    closed = [room for room in sorted(ROOMS - {COMMANDS}) if "__all__" not in MODULES[room].read_text()]
    assert not closed


def test_rooms_import_in_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        place = next(iter(rooms_of(module)), module)
        for source, _, _ in list_imports(module):
            other = next(iter(rooms_of(source)), source)
            if other != place and other not in FLOORS:
                graph.setdefault(place, set()).add(other)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' → '.join(error.args[1])}")
