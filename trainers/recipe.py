"""Recipes: what a checkpoint is made of and how it is trained, as a validated YAML file.

The study's recipes and the nano family differ in their files alone: parts are pretrained models by
name or built from the sizes given, data are conversation files or sets that come with the package.
"""

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import DRILLS, SETS
from sightscale.tasks.user_files import read_yaml

RECIPE_FOLDER = Path(__file__).parent / "recipes"

Part = Literal["vision", "connector", "language"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Vision(_Strict):
    """A SigLIP tower: a pretrained one by hub id or folder, or one of these sizes from scratch."""

    pretrained: str | None = None
    image_size: int = Field(gt=0)
    patch_size: int = Field(gt=0)
    hidden_size: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    layers: int = Field(gt=0, description="layers that are kept; a pretrained tower's last ones are dropped")
    heads: int = Field(gt=0)

    @model_validator(mode="after")
    def _check_sizes(self) -> "Vision":
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} can't be shared by {self.heads} heads")
        if self.image_size < self.patch_size:
            raise ValueError(f"a picture of {self.image_size} pixels holds no patch of {self.patch_size}")
        return self


class Language(_Strict):
    """A Qwen3 language model: a pretrained one by hub id or folder, or one of these sizes from scratch.

    `vocabulary` is the size of the byte-level BPE trained for a model from scratch, or the rows of a pretrained one.
    """

    pretrained: str | None = None
    vocabulary: int = Field(ge=300)
    hidden_size: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    key_value_heads: int = Field(gt=0)
    head_size: int = Field(gt=0)
    tied: bool = True  # whether the output head is the input embedding
    context: int = Field(default=1024, gt=0, description="tokens of a conversation, pictures included")
    rates_for_width: int | None = Field(
        default=None, gt=0, description="the hidden size that the stages' rates are meant for, where it isn't this one"
    )
    prompts_as_tokens: bool = Field(
        default=False, description="one token for each sentence that prompts are made of, and for each hundredth"
    )

    @model_validator(mode="after")
    def _check_sizes(self) -> "Language":
        if self.heads % self.key_value_heads:
            raise ValueError(f"{self.heads} heads can't share {self.key_value_heads} key-value heads evenly")
        if self.head_size % 2:
            raise ValueError(f"head_size {self.head_size} must be even: places are turns of pairs of its numbers")
        return self


class Pictures(_Strict):
    """How a picture becomes tokens: one view of it (LLaVA), or AnyRes grids of views (LLaVA-OneVision)."""

    view: Literal["single", "anyres"] = "single"
    grid: tuple[int, int] = (6, 6)  # the largest grid of views, rows and columns
    max_views: int = Field(default=9, gt=0, description="`anyres_max_N`: beyond it features are scaled down")


def _check_shares(forms: Mapping[Any, float]) -> None:
    if not all(share >= 0 for share in forms.values()) or not 0 < sum(forms.values()) < inf:
        raise ValueError("the forms' weights must not be below zero, and some must be above")


class EasyVqa(_Strict):
    """easy-VQA's train split as conversations of `turns` turns, each of a form drawn by weight."""

    source: Literal["easy_vqa"]
    forms: dict[Literal["open", "choice", "describe"], float] = Field(min_length=1)
    turns: int = Field(gt=0)
    weight: float = Field(default=1.0, gt=0)
    cap: int | None = Field(default=None, gt=0)

    @field_validator("forms")
    @classmethod
    def _check_forms(
        cls, forms: dict[Literal["open", "choice", "describe"], float]
    ) -> dict[Literal["open", "choice", "describe"], float]:
        _check_shares(forms)
        return forms


MiniForm = Literal[
    "describe",
    "focus",
    "open",
    "choice",
    "box",
    "class",
    "similar",
    "boxes",
    "region",
    "locate",
    "differ",
    "changed",
    "complete",
    "pick",
    "tell",
    "reason",
    "think",
    "recall",
    "repeat",
    "bind",
]
ALONE = frozenset(("tell", "reason", "think", "recall", "repeat", "bind"))  # forms that show no picture
TRIPLETS = ("nights", "pieapp")


def fits(form: str, name: str) -> bool:
    """Whether a set of the mini suite can take a form: answers are of its task's form, and MMStar is never asked."""
    if name.startswith("mmstar"):
        return form in ("describe", "boxes", "tell", "repeat", "complete", "pick")
    if name in TRIPLETS:
        return form in ("similar", "differ") or (form, name) == ("changed", "nights")
    if form in ("similar", "differ", "changed"):
        return False
    if name == "imagenet":
        return form not in ("choice", "open", "box", "bind", "complete", "pick")
    if name.startswith(("refcoco", "drill")):
        return form not in ("choice", "open", "class", "bind", "complete", "pick")
    return form not in ("box", "class")


def _check_sets(sets: Sequence[str]) -> None:
    known = [name for name in (*SETS, *DRILLS) if name != "mmstar"]  # that one is the categories of its name together
    for name in sets:
        if name not in known:
            raise ValueError(f"the mini suite has no set {name!r} to train on; known: {', '.join(known)}")


class Mini(_Strict):
    """The mini suite's train split: sets by name, each item as a conversation of forms drawn by weight.

    With a picture: `describe` and `focus` (the perception prompt, without and with a focus), `open` and `choice` (the
    question, answered in words and with a letter), `box`, `class` and `similar` (a phrase's box, a class, the more
    similar picture), `boxes`, `region` and `locate` (what is where), `complete` (how a sentence that describes it
    ends, among options), `pick` (which option is in the picture, whatever the question says), `differ` and `changed`
    (what differs between pictures, and where). Text alone: `tell` (a scene told), `reason` and `think` (the reasoning
    prompt over the true description, answered at once or after thinking), `recall` (the question alone), `repeat`
    (words in no order, to be said again), `bind` (under which letter a text stands).

    With `items` conversations are about so many items, going round the sets, whose pictures are kept for a tower
    that doesn't learn; a set may be named twice.
    """

    source: Literal["mini"]
    sets: tuple[str, ...] = Field(min_length=1)
    forms: dict[MiniForm, float] = Field(min_length=1)
    turns: int = Field(default=1, gt=0, description="at most, in a conversation about one item")
    items: int | None = Field(default=None, gt=0)
    items_seed: int = 0
    worded: bool = Field(default=False, description="options are answered by their texts, not by their letters")
    weight: float = Field(default=1.0, gt=0)
    cap: int | None = Field(default=None, gt=0)

    @field_validator("forms")
    @classmethod
    def _check_shares(cls, forms: dict[MiniForm, float]) -> dict[MiniForm, float]:
        _check_shares(forms)
        return forms

    @model_validator(mode="after")
    def _check_forms(self) -> "Mini":
        _check_sets(self.sets)
        for name in self.sets:
            if not any(share > 0 and fits(form, name) for form, share in self.forms.items()):
                raise ValueError(f"set {name!r} takes none of the forms {', '.join(self.forms)}")
        return self


def shows_pictures(source: "Mini") -> bool:
    """Whether some of the source's forms show a picture."""
    return any(share > 0 and form not in ALONE for form, share in source.forms.items())


class ConversationFiles(_Strict):
    """Conversations in LLaVA's or ShareGPT's format: .json, .jsonl or .parquet files under the data root."""

    source: Literal["files"]
    files: tuple[str, ...] = Field(min_length=1)
    images: str | None = None  # folder that the rows' picture names are relative to
    weight: float = Field(default=1.0, gt=0)
    cap: int | None = Field(default=None, gt=0)
    rows: int | None = Field(default=None, gt=0, description="as published; for an estimate before the data are there")


class HubFiles(_Strict):
    """Conversation files of a hub data set: of a copy at `<data root>/<dataset>`, else fetched without the pictures.

    Without `files` all of its .json, .jsonl and .parquet files are read.
    """

    source: Literal["hub"]
    dataset: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = "main"
    files: tuple[str, ...] = ()
    images: str | None = None  # folder that the rows' picture names are relative to
    weight: float = Field(default=1.0, gt=0)
    cap: int | None = Field(default=None, gt=0)
    rows: int | None = Field(default=None, gt=0, description="as published; for an estimate before the data are there")


Source = Annotated[EasyVqa | Mini | ConversationFiles | HubFiles, Field(discriminator="source")]


class Schedule(_Strict):
    """How long and how fast a stage learns: a cosine schedule after a warm-up, by steps or by epochs."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    steps: int | None = Field(default=None, gt=0)
    epochs: float | None = Field(default=None, gt=0)
    batch_size: int = Field(gt=0, description="conversations in one step, over all devices")
    warmup: float = Field(default=0.03, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    release: str | None = None  # what the stage has made is written out under this name; {name} is the recipe's
    rounded: bool = Field(default=False, description="end with weights in bfloat16, as a stage that releases does")
    number: int | None = Field(default=None, ge=0, description="added to the recipe's seed; else its place, from 0")

    @property
    def ends_rounded(self) -> bool:
        """Whether the stage's weights are rounded to bfloat16 when it ends."""
        return self.rounded or self.release is not None

    @model_validator(mode="after")
    def _check_length(self) -> "Schedule":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("a stage takes either steps or epochs")
        return self


class TowerStage(Schedule):
    """Pretraining of the vision tower alone, on what is known of its pictures.

    A second such stage goes on from what the first one made, on other pictures. What it releases is the tower alone.
    With `mean` or `attention` it names attributes of a picture; with `dense` every patch names what covers it, on
    pictures of the mini suite's train split that are drawn once (`items`, going round the `sets`) and kept.
    """

    kind: Literal["vision"]
    learning_rate: float = Field(gt=0)
    data: Literal["easy_vqa", "mini"]
    sets: tuple[str, ...] = ()
    pooling: Literal["mean", "attention", "dense"] = "mean"
    items: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _check_items(self) -> "TowerStage":
        if (self.pooling == "dense") != (self.items is not None):
            raise ValueError("a dense tower stage, and no other, says how many items are drawn for it")
        if self.pooling == "dense" and self.data != "mini":
            raise ValueError("only the mini suite knows what covers each patch")
        if (self.data == "mini") != bool(self.sets):
            raise ValueError("a tower stage on the mini suite, and no other, names sets")
        _check_sets(self.sets)
        if self.epochs is not None:
            raise ValueError("pictures are drawn as they are needed, so a tower stage takes steps")
        return self


class Stage(Schedule):
    """A stage of training on conversations. Parts that `train` doesn't name are frozen.

    `text` trains a language model without pictures; `connector`, `instruct`, `caption` and `extract` are the
    study's stages. `after` names the stage whose weights this one starts from, by default the one before it.
    """

    kind: Literal["text", "connector", "instruct", "caption", "extract"]
    train: dict[Part, float] = Field(min_length=1, description="learning rate of each part that learns")
    mixture: tuple[Source, ...] = Field(min_length=1)
    after: str | None = None
    group_by_length: bool = False  # each step's rows stand by length before they are cut into pieces
    gradient_checkpointing: bool = False
    balanced: bool = Field(default=False, description="each answer counts alike in the loss, however long it is")

    @field_validator("train")
    @classmethod
    def _check_rates(cls, rates: dict[Part, float]) -> dict[Part, float]:
        if any(rate <= 0 for rate in rates.values()):
            raise ValueError("a learning rate must be above zero; leave a part out to freeze it")
        return rates

    @model_validator(mode="after")
    def _check_kind(self) -> "Stage":
        if self.kind == "text" and set(self.train) != {"language"}:
            raise ValueError("a text stage trains the language model alone")
        if self.kind == "connector" and set(self.train) != {"connector"}:
            raise ValueError("a connector stage trains the connector alone")
        if self.epochs is not None and any(source.source not in ("files", "hub") for source in self.mixture):
            raise ValueError("only conversation files have epochs; give steps")
        shown = [source for source in self.mixture if source.source != "mini" or shows_pictures(source)]
        if self.kind == "text" and any(source.source in ("easy_vqa", "mini") for source in shown):
            raise ValueError("a text stage shows no picture, and some of its forms do")
        if "language" not in self.train and len(shown) < len(self.mixture):
            raise ValueError(
                "a stage whose language model is frozen learns from pictures alone, and some forms show none"
            )
        if "vision" not in self.train:
            kept = [source for source in shown if source.source == "mini" and source.items]
            if kept and len(kept) < len(shown):
                raise ValueError("of sources that show pictures, all keep them (`items`) or none does")
        return self


class Hardware(_Strict):
    """What the recipe is meant for; it decides no result, only how a batch is cut into pieces."""

    devices: int = Field(default=1, gt=0)
    per_device_batch: int | None = Field(default=None, gt=0)
    precision: Literal["bf16", "fp32", "auto"] = "auto"  # auto: bf16 where there is a GPU
    workers: int = Field(default=0, ge=0)


class Recipe(_Strict):
    """A whole checkpoint, or a line of checkpoints that its stages release."""

    name: str
    summary: str
    source: str = ""  # where the hyper-parameters come from
    seed: int = 0
    vision: Vision
    language: Language
    pictures: Pictures = Pictures()
    augment: bool = False  # flip, transpose and shift easy-VQA's pictures; nothing it asks depends on it
    hardware: Hardware = Hardware()
    scored_on: tuple[str, ...] = ()  # tasks that what is released is scored on, sighted and blind
    scored_on_data: Literal["hub", "mini"] = "hub"
    scored_questions: int | None = Field(default=None, gt=0, description="of each task; all by default")
    stages: tuple[Annotated[TowerStage | Stage, Field(discriminator="kind")], ...] = Field(min_length=1)

    @property
    def numbers(self) -> dict[str, int]:
        """What is added to the recipe's seed for each stage, by the stage's name."""
        return {s.name: place if s.number is None else s.number for place, s in enumerate(self.stages)}

    def rates(self, stage: Stage) -> dict[Part, float]:
        """The learning rate of each part in a stage.

        A language model of another width than the stages' rates are meant for learns at these times the root of
        how much narrower it is, as the rates of Vaswani et al. (2017, section 5.3) go.
        """
        meant, width = self.language.rates_for_width, self.language.hidden_size
        scale = (meant / width) ** 0.5 if meant else 1.0
        return {part: rate * scale if part == "language" else rate for part, rate in stage.train.items()}

    def show_rates(self, stage: Stage) -> str:
        """The same as a log and a model card show it."""
        return ", ".join(f"{part} {rate:.3g}" for part, rate in self.rates(stage).items())

    @model_validator(mode="after")
    def _check_stages(self) -> "Recipe":
        if self.vision.image_size % self.vision.patch_size and self.vision.pretrained is None:
            raise ValueError("image_size must be a multiple of patch_size")
        if self.pictures.view != "single" and any(
            isinstance(source, Mini) and source.items
            for stage in self.stages
            if isinstance(stage, Stage)
            for source in stage.mixture
        ):
            raise ValueError("features are kept (`items`) of single views alone")
        names: list[str] = []
        for stage in self.stages:
            if stage.name in names:
                raise ValueError(f"two stages are named {stage.name!r}")
            if isinstance(stage, Stage) and stage.after is not None and stage.after not in names:
                raise ValueError(f"stage {stage.name!r} comes after {stage.after!r}, which is no earlier stage")
            try:
                self.cut_batch(stage, self.hardware.devices)
            except UserError as error:
                raise ValueError(f"stage {stage.name!r}: {error}") from error
            names.append(stage.name)
        releases = [stage.release for stage in self.stages if stage.release]
        for name in releases:
            if releases.count(name) > 1:
                raise ValueError(f"two stages release {name!r}")
            if Path(name).name != name:
                raise ValueError(f"{name!r} can't be the name of a folder")
        return self

    def cut_batch(self, stage: Schedule, devices: int) -> tuple[int, int]:
        """Rows a device takes at a time, and how many times before a step. Raises UserError when it doesn't divide."""
        most = max(1, stage.batch_size // devices)
        per_device = min(self.hardware.per_device_batch or most, most)
        if stage.batch_size % (per_device * devices):
            raise UserError(
                f"a batch of {stage.batch_size} can't be cut into {per_device} rows on each of {devices} devices"
            )
        return per_device, stage.batch_size // (per_device * devices)


def list_recipes() -> list[str]:
    """The names of the recipes that come with the package."""
    return sorted(path.stem for path in RECIPE_FOLDER.glob("*.yaml"))


def load_recipe(name: str) -> Recipe:
    """The recipe of that name, or in that YAML file.

    A recipe that `extends` another one has that one's fields where it doesn't state its own. Raises UserError
    in one line when there is none, or when a field is wrong.
    """
    path, fields = _read(name, ())
    for stage in fields.get("stages") or () if isinstance(fields, dict) else ():
        if isinstance(stage, dict) and isinstance(stage.get("release"), str):
            stage["release"] = stage["release"].replace("{name}", str(fields.get("name")))
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"recipe {path}: {where}: {first['msg']}") from error


def _read(name: str, extending: tuple[Path, ...]) -> tuple[Path, Any]:
    """The file behind a name and its fields, with those of the recipe that it extends."""
    path = RECIPE_FOLDER / f"{name}.yaml"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        raise UserError(f"there is no recipe {name!r}; shipped: {', '.join(list_recipes())}; or give a YAML file")
    if path in extending:
        raise UserError(f"recipe {path} extends itself")
    fields = read_yaml(path, "recipe")
    if not isinstance(fields, dict) or "extends" not in fields:
        return path, fields
    _, base = _read(str(fields.pop("extends")), (*extending, path))
    return path, {**base, **fields} if isinstance(base, dict) else fields
