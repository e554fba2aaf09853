"""Estimates: what a recipe will cost, before a weight is loaded or a GPU is taken."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path

from sightscale.tasks.errors import UserError
from sightscale.trainers.data import build_mixture
from sightscale.trainers.recipe import Language, Part, Pictures, Recipe, Stage, TowerStage, Vision

CHARACTERS_PER_TOKEN = 4.0  # of English text in a large vocabulary; a new, small one has fewer
SAMPLE = 200  # conversations looked at, to know how long they are
USED_SHARE = 0.35  # of a device's peak arithmetic that training reaches; LLaVA-sized models get 0.3 to 0.4
PEAK_FLOPS = {"bf16": 400e12, "fp32": 1e11}  # one modern GPU in bfloat16; a few CPU cores in float32
LIVE_BYTES = 34  # bytes a token keeps alive in each layer and hidden unit for the backward pass (Korthikanti 2022)


@dataclass(frozen=True)
class StageEstimate:
    """One stage: conversations, steps, tokens in all, and the hours and memory of one device."""

    name: str
    kind: str
    learning: dict[Part, int]  # parameters that learn, by part
    conversations: int
    steps: int
    tokens: int
    flops: float
    gigabytes: float
    hours: float
    note: str = ""


def count_parameters(recipe: Recipe) -> dict[Part, int]:
    """Parameters of each part, from the sizes alone; the output head counts once when tied."""
    vision, language = recipe.vision, recipe.language
    return {
        "vision": _vision_parameters(vision),
        "connector": (vision.hidden_size + 1) * language.hidden_size
        + (language.hidden_size + 1) * language.hidden_size
        + (language.hidden_size if recipe.pictures.view == "anyres" else 0),  # what ends a row of a picture's tokens
        "language": _language_parameters(language),
    }


def estimate(recipe: Recipe, data_root: Path) -> list[StageEstimate]:
    """What each stage will cost on the recipe's own hardware; data that isn't there leaves a note.

    Time is 6 FLOPs a parameter and token that learns, 2 where it is only passed through, at a stated share
    of a device's peak; memory is weights, gradients, AdamW's two moments and live activations.
    """
    counts = count_parameters(recipe)
    precision = recipe.hardware.precision
    if precision == "auto":
        precision = "bf16" if recipe.hardware.devices > 1 else "fp32"
    estimates = []
    for stage in recipe.stages:
        if isinstance(stage, TowerStage):
            conversations, note = (stage.steps or 0) * stage.batch_size, ""
            tokens = conversations * tokens_of_a_view(recipe.vision)
            learning: dict[Part, int] = {"vision": counts["vision"]}
            flops = 6.0 * counts["vision"] * tokens
            width, layers = recipe.vision.hidden_size, recipe.vision.layers
        else:
            conversations, text, pictures, note = _measure(recipe, stage, data_root)
            view = tokens_of_a_picture(recipe.vision, recipe.pictures)
            seen = pictures * (view if recipe.pictures.view == "single" else view * 2)  # views overlap the whole
            tokens = text + pictures * view
            learning = {part: counts[part] for part in stage.train}
            flops = (6.0 if "vision" in stage.train else 2.0) * counts["vision"] * seen
            flops += (6.0 if "language" in stage.train else 4.0) * counts["language"] * tokens
            width, layers = recipe.language.hidden_size, recipe.language.layers
        steps = stage.steps or max(1, conversations // stage.batch_size)  # as the trainer counts them
        per_device, _ = recipe.cut_batch(stage, recipe.hardware.devices)
        length = tokens / max(1, conversations)
        weights = 4 * sum(counts.values()) + (4 + 8) * sum(learning.values())  # bf16 is autocast over float32
        live = length * per_device * layers * width * LIVE_BYTES
        if isinstance(stage, Stage) and stage.gradient_checkpointing:
            live /= max(1, layers) / 2  # one layer's worth, and each layer's input
        estimates.append(
            StageEstimate(
                name=stage.name,
                kind=stage.kind,
                learning=learning,
                conversations=conversations,
                steps=steps,
                tokens=tokens,
                flops=flops,
                gigabytes=(weights + live) / 1e9,
                hours=flops / (PEAK_FLOPS[precision] * USED_SHARE * recipe.hardware.devices) / 3600,
                note=note,
            )
        )
    return estimates


def tokens_of_a_view(vision: Vision) -> int:
    """Image tokens of one view of a picture."""
    return (vision.image_size // vision.patch_size) ** 2


def tokens_of_a_picture(vision: Vision, pictures: Pictures) -> int:
    """Image tokens of a picture of middling size: its one view, or a whole view and two by two more."""
    view = tokens_of_a_view(vision)
    return view if pictures.view == "single" else view * min(5, 1 + pictures.max_views)


def _measure(recipe: Recipe, stage: Stage, data_root: Path) -> tuple[int, int, int, str]:
    """Conversations, text tokens and pictures of a stage, from a sample of its own data; and what is missing."""
    try:
        mixture = build_mixture(stage, recipe.seed, recipe.augment, data_root, fetch=False)
    except (UserError, OSError) as error:
        conversations = (stage.steps or 0) * stage.batch_size or _published_rows(stage)
        # Memory is then of conversations about one picture each.
        return conversations, 0, 0 if stage.kind == "text" else conversations, f"tokens unknown: {error}"
    every = max(1, len(mixture) // SAMPLE)
    sample = [mixture[i] for i in range(0, len(mixture), every)]
    characters = sum(len(part) for one in sample for turn in one.turns for part in turn)
    scale = len(mixture) / len(sample)
    pictures = round(sum(len(one.pictures) for one in sample) * scale)
    return len(mixture), round(characters / CHARACTERS_PER_TOKEN * scale), pictures, ""


def _published_rows(stage: Stage) -> int:
    """How many conversations a stage of epochs has by what its recipe states; 0 when a source states nothing."""
    total = 0
    for source in stage.mixture:
        rows = getattr(source, "rows", None)
        if rows is None:
            return 0
        total += ceil((stage.epochs or 0) * source.weight * (min(rows, source.cap) if source.cap else rows))
    return total


def _vision_parameters(vision: Vision) -> int:
    width, inner = vision.hidden_size, vision.intermediate_size
    embeddings = (vision.patch_size**2 * 3 + 1) * width + tokens_of_a_view(vision) * width
    layer = 4 * (width + 1) * width + (width + 1) * inner + (inner + 1) * width + 4 * width
    return embeddings + vision.layers * layer + 2 * width


def _language_parameters(language: Language) -> int:
    width, head = language.hidden_size, language.head_size
    attention = width * head * (2 * language.heads + 2 * language.key_value_heads) + 2 * head
    layer = attention + 3 * width * language.intermediate_size + 2 * width
    embeddings = language.vocabulary * width * (1 if language.tied else 2)
    return embeddings + language.layers * layer + width
