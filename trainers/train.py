"""Training a recipe: its stages one after the other, each from the weights of the one that it comes after.

The work folder holds one folder a stage: Trainer's checkpoints and, once it is finished, the model in
`STAGE/done`. Running the same recipe in the same folder again goes on where it stopped. What a recipe can be wrong in
is refused before its first step.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import jsonlines
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, Qwen3ForCausalLM, SiglipVisionModel

from sightscale.model_adapters.engines import load_model
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import PATCH_LABELS, REVISION
from sightscale.trainers.card import note_set_up
from sightscale.trainers.data import (
    IGNORED,
    Collator,
    Conversation,
    KeptFeatures,
    KeptPictures,
    Mixture,
    Opened,
    OpenedRows,
    PackedCollator,
    PackedRows,
    Passes,
    PictureList,
    build_mixture,
    find_hub_files,
    keep_features,
    keep_pictures,
    list_pictures,
    name_rows,
    open_source,
    pack_rows,
    take_pictures,
)
from sightscale.trainers.estimate import CHARACTERS_PER_TOKEN, tokens_of_a_picture
from sightscale.trainers.model import (
    END,
    DenseTower,
    TowerWithHeads,
    build_model,
    build_processor,
    collate_kept,
    collate_pictures,
    name_tower,
    open_tokenizer,
    reading_features,
    see,
)
from sightscale.trainers.recipe import EasyVqa, HubFiles, Mini, Recipe, Source, Stage, TowerStage, shows_pictures
from sightscale.trainers.shipped import RECORD, choose_stages, deciding_part, find_rest, find_shipped, packaged_sets
from sightscale.trainers.stages import MEASURED, count_devices, part_of, read_log, run_stage
from sightscale.trainers.work_folders import (
    COMPLETE,
    check_writable,
    claim,
    going_on,
    hold,
    holds_weights,
    is_whole,
    write_whole,
)

logger = logging.getLogger(__name__)

HELD_OUT, HELD_OUT_SEED = 208, 1_000_000  # items that a tower is measured on, and what sets their seed apart
HELD_OUT_ITEMS, HELD_OUT_CONVERSATIONS = 60, 24  # of each ingredient that keeps pictures, and of each ingredient
MEASURED_AT_ONCE = 64  # pictures
OVERLAP = 0.5  # of a box with the true one, to count
BOX = r"\[(\d\.\d+), (\d\.\d+), (\d\.\d+), (\d\.\d+)\]"
COUNTED_AT_ONCE, COUNTED_AT_MOST = 1024, 200_000  # conversations, of which the tokens are counted
TOKENIZER = "tokenizer.json"
LOOKED_AT = 200  # conversations of each source, to know how long they are before the first step


def train(recipe: Recipe, work: Path, output: Path, *, data_root: Path = Path(), anew: bool = False) -> dict[str, Path]:
    """Train `recipe` in the folder `work`, going on from what is there; the folders of released models by name.

    A recipe with one release writes it to `output`, one with several to folders of their names in it. A release that
    ships, trained by the same part of the recipe, is taken as it is and not trained, unless `anew` says to.
    Raises UserError when `work` was begun with another recipe or another process trains in it, when data or a part
    can't be had, when the recipe can't be trained as it is, and when the disk is full.
    """
    check_writable(output)
    with hold(work, wait=False) if os.environ.get("RANK", "0") == "0" else nullcontext():
        claim(
            work / "recipe.json", recipe.model_dump_json(indent=2), "recipe; give another --work folder, or delete it"
        )
        with going_on(work):
            return _train_stages(recipe, work, output, data_root, {} if anew else find_shipped(recipe))


def _train_stages(
    recipe: Recipe, work: Path, output: Path, data_root: Path, shipped: Mapping[str, Path]
) -> dict[str, Path]:
    tokenizer = keep_tokenizer(recipe, work.parent, shipped)
    processor = build_processor(recipe, tokenizer)
    model = build_model(recipe, tokenizer)
    check(recipe, processor, data_root)
    if os.environ.get("RANK", "0") == "0":
        note_set_up(work)
    released: dict[str, Path] = {}
    releases = [stage.release for stage in recipe.stages if stage.release]
    chosen = choose_stages(recipe, shipped)
    names = {stage.name for stage in chosen}
    for name in (stage.name for stage in recipe.stages if stage.name not in names):
        logger.info(f"stage {name}: not trained, for what comes from it ships")
    before = ""
    for stage in chosen:
        folder = work / stage.name
        start = stage.after if isinstance(stage, Stage) and stage.after else before
        if stage.release and stage.release in shipped:
            start = find_rest(recipe, stage) or ""
            start = start if start in names else ""  # nothing is trained on a part whose rest is left out
        if start:
            _wait_for(work / start / "done")
            _read_weights(model, work / start / "done")
        if is_whole(folder / "done"):
            logger.info(f"stage {stage.name}: finished before")
        elif stage.release and stage.release in shipped:
            logger.info(f"stage {stage.name}: not trained, for {stage.release} ships, made by the same recipe")
            _take(model, stage, shipped[stage.release])
            if os.environ.get("RANK", "0") == "0":
                write_whole(folder / "done", model.save_pretrained)
        elif isinstance(stage, TowerStage):
            _train_tower(model, processor, stage, recipe, folder)
        else:
            seed = recipe.seed + recipe.numbers[stage.name]
            _train_conversations(model, processor, stage, recipe, seed, folder, data_root)
        if stage.release:
            target = output / stage.release if len(releases) > 1 else output
            if stage.release in shipped:
                shutil.copytree(shipped[stage.release], target, dirs_exist_ok=True)
            else:
                _read_weights(model, folder / "done")
                save_release(model, processor, stage, target)
                (target / RECORD).write_text(deciding_part(recipe, stage.release))
            released[stage.release] = target
        before = stage.name
    return released


def keep_tokenizer(recipe: Recipe, folder: Path, shipped: Mapping[str, Path]) -> Any:
    """The recipe's tokenizer; one that is trained is kept in `folder`, for recipes of the same data and vocabulary.

    Where language models of the recipe ship, it is theirs: one trained on today's texts numbers its tokens otherwise
    than one of the texts of the day that they were trained on. Raises UserError where theirs differ.
    """
    if recipe.language.pretrained:
        return open_tokenizer(recipe, list)
    theirs = {path / TOKENIZER for path in shipped.values() if (path / TOKENIZER).is_file()}
    if theirs:
        if len({path.read_text() for path in theirs}) > 1:
            names = ", ".join(sorted(path.parent.name for path in theirs))
            raise UserError(f"{names} ship with different tokenizers, so no stage can go on from them; add --anew")
        return AutoTokenizer.from_pretrained(min(theirs).parent)
    phrases = list_phrases(recipe)
    decides = [packaged_sets(recipe), recipe.language.vocabulary, recipe.language.prompts_as_tokens and phrases]
    key = hashlib.sha256(json.dumps([REVISION, *decides]).encode()).hexdigest()[:12]
    kept = folder / f"tokenizer-{key}"
    with hold(kept.with_name(f"{kept.name}-lock"), wait=True):
        if not (kept / COMPLETE).is_file():
            tokenizer = open_tokenizer(recipe, lambda: training_texts(recipe), phrases)
            write_whole(kept, tokenizer.save_pretrained)
    return AutoTokenizer.from_pretrained(kept)


def check(recipe: Recipe, processor: Any, data_root: Path) -> None:
    """Look at what every stage will learn from, and at how its batches are cut on the devices there are.

    Raises UserError for a file that isn't there, and for a conversation of a set that comes with the package that the
    context is too short for. Conversation files may hold longer ones; these are cut, and counted.
    """
    collator = Collator(processor, recipe.language.context)
    for stage in recipe.stages:
        seed = recipe.seed + recipe.numbers[stage.name]
        recipe.cut_batch(stage, count_devices())
        for ingredient in stage.mixture if isinstance(stage, Stage) else ():
            if isinstance(ingredient, EasyVqa | Mini):
                rows = open_source(ingredient.source).converse(ingredient, seed, recipe.augment)
                longest = collator.measure_longest(rows, LOOKED_AT)
                if longest > recipe.language.context:
                    raise UserError(
                        f"recipe {recipe.name}: stage {stage.name} has a conversation of {longest:,} tokens, and the "
                        f"language model's context holds {recipe.language.context:,}; give it more, or fewer turns"
                    )
            elif isinstance(ingredient, HubFiles):
                find_hub_files(ingredient.dataset, ingredient.revision, ingredient.files, data_root, fetch=True)
            else:
                for file in ingredient.files:
                    if not (data_root / file).is_file():
                        raise UserError(f"stage {stage.name}: there is no conversation file {data_root / file}")


def _wait_for(done: Path) -> None:
    """Wait, in all of a recipe's processes but the first, which writes it, until a stage's model is there."""
    while os.environ.get("RANK", "0") != "0" and not is_whole(done):
        time.sleep(1.0)


def training_texts(recipe: Recipe) -> list[str]:
    """Texts with the words of the recipe's own data, to train a tokenizer on. Raises UserError without any."""
    packaged = packaged_sets(recipe)
    texts = [text for name, sets in packaged.items() for text in open_source(name).list_texts(sets)]
    if not texts:
        raise UserError(f"recipe {recipe.name}: a language model from scratch needs the data of easy_vqa or mini")
    return texts


def list_phrases(recipe: Recipe) -> list[str]:
    """What the prompts of the recipe's own data are made of."""
    return [phrase for name in packaged_sets(recipe) for phrase in open_source(name).list_phrases()]


def _keep_features(
    model: Any, recipe: Recipe, stage: Stage, ingredients: Sequence[Source], folder: Path
) -> KeptFeatures | None:
    """The features of listed pictures behind a tower that doesn't learn; None where the ingredients list none."""
    listing = [ingredient for ingredient in ingredients if isinstance(ingredient, Mini) and ingredient.items]
    if "vision" in stage.train or not listing:
        return None
    named, look = name_tower(model), partial(see, model)
    lists = {}
    for ingredient in listing:
        pictures = list_pictures(ingredient)
        if pictures not in lists:
            names = ", ".join(dict.fromkeys(ingredient.sets))
            logger.info(f"stage {stage.name}: features of {ingredient.items:,} items of {names}")
            with hold(folder / f"features-{pictures.key(named)}", wait=True):
                lists[pictures] = keep_features(
                    pictures, look, named, folder, recipe.vision.image_size, recipe.hardware.workers
                )
    return KeptFeatures(lists)


def _train_conversations(
    model: Any, processor: Any, stage: Stage, recipe: Recipe, seed: int, folder: Path, data_root: Path
) -> None:
    """Train the stage's parts of `model` on its mixture, in place."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) in stage.train)
    mixture = build_mixture(stage, seed, recipe.augment, data_root)
    folder.mkdir(parents=True, exist_ok=True)
    bad_rows = folder / "bad_rows.txt"
    rates = recipe.rates(stage)
    logger.info(f"stage {stage.name}: {stage.kind}, learning: {recipe.show_rates(stage)}")
    for line in mixture_report(stage, mixture):
        logger.info(line)
    bad = [str(row) for one in mixture.ingredients for row in one.bad]
    bad_rows.write_text("".join(f"{line}\n" for line in bad))
    held_out = [_hold_out(ingredient) for ingredient in stage.mixture if isinstance(ingredient, Mini)]
    kept = _keep_features(model, recipe, stage, [*stage.mixture, *held_out], folder.parent.parent)
    collator = Collator(processor, recipe.language.context, bad_rows, kept)
    rows: Any = OpenedRows(mixture, bad_rows, kept is not None)
    make_batch: Callable[[Any], dict[str, torch.Tensor]] = collator
    lengths: list[int] | None = None
    if recipe.hardware.workers > 1 and can_pack(stage):
        rows = keep_rows(recipe, processor, stage, seed, folder.parent.parent)
        features = [kept.lists[pictures] for pictures in list_stage_pictures(stage)] if kept else []
        make_batch, lengths = PackedCollator(processor.tokenizer.pad_token_id, features), rows.lengths
    elif stage.group_by_length:
        lengths = _lengths(mixture, processor, recipe)
    with reading_features(model) if kept else nullcontext():
        trainer = run_stage(
            model,
            stage,
            rows,
            make_batch,
            rates=rates,
            learning_rate=max(rates.values()),
            lengths=lengths if stage.group_by_length else None,
            checkpointing=stage.gradient_checkpointing,
            recipe=recipe,
            seed=seed,
            folder=folder,
            measure=_measure_answers(model, processor, held_out, recipe, folder / "held_out_bad_rows.txt", kept),
        )
    if collator.cut or collator.left_out:
        logger.info(
            f"stage {stage.name}: {collator.cut} conversations were cut to {recipe.language.context} tokens, "
            f"{collator.left_out} left out; {bad_rows} lists those"
        )
    if stage.ends_rounded:
        _round(model)
    _finish(trainer, folder)


def can_pack(stage: Stage) -> bool:
    """Whether the stage's rows can be encoded ahead: they are the mini suite's, and their pictures are listed."""
    return "vision" not in stage.train and all(
        isinstance(source, Mini) and (source.items or not shows_pictures(source)) for source in stage.mixture
    )


def list_stage_pictures(stage: Stage) -> list[PictureList]:
    """The lists of pictures that a stage's conversations are about."""
    listing = [source for source in stage.mixture if isinstance(source, Mini) and source.items]
    return list(dict.fromkeys(list_pictures(source) for source in listing))


def keep_rows(recipe: Recipe, processor: Any, stage: Stage, seed: int, folder: Path) -> PackedRows:
    """The rows of a stage that can be packed, from a folder in `folder`; worker processes make them, if need be."""
    mixture = build_mixture(stage, seed, recipe.augment, Path())
    collator = Collator(processor, recipe.language.context)
    tokens = tokens_of_a_picture(recipe.vision, recipe.pictures)
    decides = stage.model_dump_json(exclude_defaults=True, include={"mixture", "steps", "batch_size"})
    tokenizer = processor.tokenizer
    state = tokenizer.backend_tokenizer.to_str() + tokenizer.chat_template
    rows = folder / name_rows(decides, seed, recipe.language.context, state)

    def encode(conversation: Conversation) -> tuple[list[int], list[int]]:
        return collator.encode(conversation, [tokens] * len(conversation.pictures))

    with hold(rows.with_name(f"{rows.name}-lock"), wait=True):
        logger.info(f"stage {stage.name}: {len(mixture):,} conversations are encoded, if they weren't before")
        return pack_rows(mixture, encode, list_stage_pictures(stage), rows, recipe.hardware.workers)


def _hold_out(ingredient: Mini) -> Mini:
    """The same of items of the train split that the stage doesn't learn from: their seed is another."""
    fields = {"items": ingredient.items and HELD_OUT_ITEMS, "items_seed": ingredient.items_seed + HELD_OUT_SEED}
    return ingredient.model_copy(update=fields)


def _measure_answers(
    model: Any, processor: Any, held_out: Sequence[Mini], recipe: Recipe, bad_rows: Path, kept: KeptFeatures | None
) -> Callable[[], dict[str, dict[str, float]]] | None:
    """Measures, of each form, the share of held-out answers that the model gets right; None without any to ask.

    `held_out` holds the shares, `held_out_blind` those of the same conversations without their pictures. An answer
    counts where each of its tokens is the likeliest after the true ones before it, and so where greedy decoding would
    write it; a box where what it overlaps of the true one is half of both together.
    """
    if not held_out:
        return None
    collator = Collator(processor, recipe.language.context, bad_rows, kept)
    rows: list[Opened] = []
    for number, ingredient in enumerate(held_out):
        source = open_source("mini").converse(ingredient, recipe.seed + HELD_OUT_SEED + number, False)
        opened = OpenedRows(source, bad_rows, kept is not None)
        rows += [opened[i] for i in range(HELD_OUT_CONVERSATIONS)]
    rows.sort(key=lambda row: len(row.pictures))  # either all or none of a batch show pictures
    blind = [Opened(take_pictures(row.conversation), ()) for row in rows if row.pictures]

    @torch.no_grad()
    def share_right(asked: Sequence[Opened]) -> dict[str, float]:
        hits: dict[str, list[bool]] = {}
        for some in (list(group) for _, group in groupby(asked, key=lambda row: len(row.pictures))):
            for start in range(0, len(some), MEASURED_AT_ONCE // 4):
                part = some[start : start + MEASURED_AT_ONCE // 4]
                batch = {name: tensor.to(model.device) for name, tensor in collator(part).items()}
                predicted = model(**batch).logits[:, :-1].argmax(-1).tolist()
                labels = batch["labels"][:, 1:].tolist()
                for row, guesses, truths in zip(part, predicted, labels, strict=True):
                    answers = _split_answers(guesses, truths)
                    for form, (guess, truth) in zip(row.conversation.forms, answers, strict=False):
                        right = guess == truth or _overlap(*(processor.tokenizer.decode(ids) for ids in (guess, truth)))
                        hits.setdefault(form, []).append(right)
        return {form: round(sum(right) / len(right), 4) for form, right in sorted(hits.items())}

    def measure() -> dict[str, dict[str, float]]:
        return {"held_out": share_right(rows), **({"held_out_blind": share_right(blind)} if blind else {})}

    return measure


def _split_answers(guesses: Sequence[int], truths: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """What was predicted for each answer of a conversation, and that answer: the tokens with labels, turn by turn."""
    answers = []
    pairs = zip(guesses, truths, strict=True)
    for labelled, group in groupby(pairs, key=lambda pair: pair[1] != IGNORED):
        if labelled:
            guess, truth = zip(*group, strict=True)
            answers.append((list(guess), list(truth)))
    return answers


def _overlap(guess: str, truth: str) -> bool:
    """Whether both are boxes whose intersection over union is a half or more."""
    boxes = [re.fullmatch(BOX, text.removesuffix(END).strip()) for text in (guess, truth)]
    if not all(boxes):
        return False
    (a, b, c, d), (e, f, g, h) = ([float(side) for side in box.groups()] for box in boxes if box)
    shared = max(0.0, min(c, g) - max(a, e)) * max(0.0, min(d, h) - max(b, f))
    union = (c - a) * (d - b) + (g - e) * (h - f) - shared
    return union > 0 and shared / union >= OVERLAP


def _train_tower(model: Any, processor: Any, stage: TowerStage, recipe: Recipe, folder: Path) -> None:
    """Train the vision tower of `model` on attributes, in place.

    The tower and what it learns depend on the recipe's vision part, this stage, the tower's earlier ones and the seed
    alone, so recipes that share them share the tower: it is kept beside their work folders, with its log.
    """
    towers = [*_earlier_towers(recipe, stage), stage]
    decides = [one.model_dump_json(exclude_defaults=True, exclude={"release"}) for one in towers]
    key = "\n".join([recipe.vision.model_dump_json(), *decides, str(recipe.seed)])
    shared = folder.parent.parent / f"tower-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    weights = shared / "tower.safetensors"
    if weights.is_file() and not holds_weights(shared):
        raise UserError(f"{weights} is cut or damaged; delete it, and the same command trains that tower again")
    # Of recipes that train side by side, the others wait; of one recipe's own processes, all train.
    with hold(shared, wait=True) if os.environ.get("WORLD_SIZE", "1") == "1" else nullcontext():
        if weights.is_file():
            logger.info(f"stage {stage.name}: {weights} was trained before")
            for name in ("log.jsonl", MEASURED):
                with jsonlines.open(folder.parent / name, "a") as log:
                    log.write_all(read_log(shared / name))
        else:
            _make_tower(model, processor, stage, recipe, folder, weights)
    model.model.vision_tower.load_state_dict(load_file(weights))
    if stage.ends_rounded:
        _round(model.model.vision_tower)
    if os.environ.get("RANK", "0") == "0":
        write_whole(folder / "done", model.save_pretrained)


def is_shipped(recipe: Recipe, stage: TowerStage) -> bool:
    """Whether the weights that a stage releases ship, made by the same part of the recipe."""
    return stage.release in find_shipped(recipe)


def train_towers(recipe: Recipe, work: Path) -> None:
    """Train the recipe's tower, through all of its stages, as those that share it will find it."""
    shipped = find_shipped(recipe)
    tokenizer = keep_tokenizer(recipe, work.parent, shipped)
    processor, model = build_processor(recipe, tokenizer), build_model(recipe, tokenizer)
    for stage in recipe.stages:
        if isinstance(stage, TowerStage):
            if stage.release in shipped:
                _take(model, stage, shipped[stage.release])
            else:
                _train_tower(model, processor, stage, recipe, work / stage.name)


def _make_tower(model: Any, processor: Any, stage: TowerStage, recipe: Recipe, folder: Path, weights: Path) -> None:
    """Train a tower like the model's, or that one further, into the file `weights`, and its log beside it."""
    earlier = _earlier_towers(recipe, stage)
    rows: Any
    collator: Callable[[Any], dict[str, torch.Tensor]]
    measure: Callable[[], dict[str, dict[str, float]]] | None = None
    if stage.pooling == "dense":
        # Beside the work folder, as the tower is: recipes that share it share its pictures.
        kept, held_out = (keep_tower_pictures(stage, recipe, folder.parent.parent, held) for held in (False, True))
        torch.manual_seed(recipe.seed)  # of the tower and the heads
        tower = SiglipVisionModel(model.config.vision_config)
        heads: Any = DenseTower(tower, kept.values, len(PATCH_LABELS))
        rows, collator = (
            Passes(len(kept), (stage.steps or 1) * stage.batch_size, recipe.seed),
            partial(collate_kept, kept),
        )
        measure = partial(_measure_tower, heads, held_out, kept.values)
        labels = f"{len(kept):,} pictures of {', '.join(dict.fromkeys(stage.sets))}, patch by patch"
    else:
        pictures = open_source(stage.data).label(stage, recipe)
        torch.manual_seed(recipe.seed)  # of the tower and the heads
        tower = SiglipVisionModel(model.config.vision_config)
        heads = TowerWithHeads(tower, [len(values) for values in pictures.values.values()], stage.pooling)
        rows, collator = pictures, partial(collate_pictures, image_processor=processor.image_processor)
        labels = ", ".join(pictures.values)
    if earlier:
        tower.load_state_dict(model.model.vision_tower.state_dict())
    logger.info(f"stage {stage.name}: {stage.steps} steps on {labels}")
    run_stage(
        heads,
        stage,
        rows,
        collator,
        measure=measure,
        rates={},
        learning_rate=stage.learning_rate,
        lengths=None,
        checkpointing=False,
        recipe=recipe,
        seed=recipe.seed,
        folder=folder,
    )
    learnt = [entry for entry in read_log(folder.parent / "log.jsonl") if entry["stage"] == stage.name]
    weights.parent.mkdir(exist_ok=True)
    unfinished = weights.with_suffix(f".{os.getpid()}.partial")
    measured = [entry for entry in read_log(folder.parent / MEASURED) if entry["stage"] == stage.name]
    for entries, name in ((learnt, "log.jsonl"), (measured, MEASURED)):
        with jsonlines.open(unfinished, "w") as log:
            log.write_all(entries)
        unfinished.rename(weights.with_name(name))
    save_file({name: tensor.contiguous() for name, tensor in tower.state_dict().items()}, unfinished)
    unfinished.rename(weights)


def _earlier_towers(recipe: Recipe, stage: TowerStage) -> list[TowerStage]:
    before = recipe.stages[: recipe.stages.index(stage)]
    return [one for one in before if isinstance(one, TowerStage)]


def _pictures_seed(recipe: Recipe, stage: TowerStage) -> int:
    """A tower that learns further sees other pictures."""
    return recipe.seed + len(_earlier_towers(recipe, stage))


def keep_tower_pictures(stage: TowerStage, recipe: Recipe, folder: Path, held_out: bool) -> KeptPictures:
    """The stage's pictures, or those of the train split that are held out from it, to measure the tower on."""
    assert stage.items is not None  # the recipe's schema has seen to that
    items, seed = (HELD_OUT, recipe.seed + HELD_OUT_SEED) if held_out else (stage.items, _pictures_seed(recipe, stage))
    logger.info(f"stage {stage.name}: {items:,} items are drawn, if they weren't before")
    return keep_pictures(
        PictureList(stage.sets, items, seed),
        folder,
        recipe.vision.image_size,
        recipe.vision.patch_size,
        recipe.hardware.workers,
    )


def _measure_tower(
    heads: DenseTower, held_out: KeptPictures, values: dict[str, list[str]]
) -> dict[str, dict[str, float]]:
    """The share of names and boxes that the tower has right on held-out pictures, as `held_out`."""
    batch = collate_kept(held_out, range(len(held_out)))
    # Names were numbered as they turned up, here and there in another order.
    for label, numbers in zip(
        [*held_out.values], [*batch["patches"].unbind(-1), *batch["whole"].unbind(-1)], strict=True
    ):
        known = {name: k for k, name in enumerate(values[label])}
        table = torch.tensor([*(known.get(name, IGNORED) for name in held_out.values[label]), IGNORED])
        numbers.copy_(table[torch.where(numbers == IGNORED, len(table) - 1, numbers).long()])
    device = heads.box.weight.device
    shares: dict[str, list[tuple[float, int]]] = {}
    for start in range(0, len(held_out), MEASURED_AT_ONCE):
        part = {name: rows[start : start + MEASURED_AT_ONCE].to(device) for name, rows in batch.items()}
        for label, share in heads.measure(part).items():
            shares.setdefault(label, []).append(share)
    right = {
        label: round(sum(share * n for share, n in parts) / sum(n for _, n in parts), 4)
        for label, parts in shares.items()
    }
    return {"held_out": right}


def mixture_report(stage: Stage, mixture: Mixture) -> list[str]:
    """What a stage will learn from, a line for each source and one for their sum."""
    lines = []
    for name, usable, drawn, bad in mixture.report():
        spoiled = f", {bad:,} bad rows" if bad else ""
        passes = f"{drawn / usable:.2f} passes over {usable:,} rows" if usable else "no rows"
        lines.append(f"  {name}: {drawn:,} conversations, {passes}{spoiled}")
    return [*lines, f"  in all: {len(mixture):,} conversations, {len(mixture) // stage.batch_size:,} steps"]


def _lengths(mixture: Mixture, processor: Any, recipe: Recipe) -> list[int]:
    """Each conversation's length in tokens, but for what the template adds, every picture of middling size.

    Where there are too many to count, a token is taken to be so many characters, which sorts them nearly alike.
    """
    of_a_picture = tokens_of_a_picture(recipe.vision, recipe.pictures)
    lengths = []
    for start in range(0, len(mixture), COUNTED_AT_ONCE):
        some = [mixture[i] for i in range(start, min(start + COUNTED_AT_ONCE, len(mixture)))]
        texts = ["".join(part for turn in one.turns for part in turn) for one in some]
        if len(mixture) <= COUNTED_AT_MOST:
            counts = [len(ids) for ids in processor.tokenizer(texts, add_special_tokens=False)["input_ids"]]
        else:
            counts = [round(len(text) / CHARACTERS_PER_TOKEN) for text in texts]
        lengths += [count + of_a_picture * len(one.pictures) for count, one in zip(counts, some, strict=True)]
    return lengths


def _finish(trainer: Any, folder: Path) -> None:
    """Keep a stage's model, whole or not at all."""
    if not trainer.is_world_process_zero():
        trainer.save_model(str(folder / "done.partial"))  # where weights are shared out, every process has a part
        return
    write_whole(folder / "done", lambda unfinished: trainer.save_model(str(unfinished)))
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)


def _round(model: Any) -> None:
    """Round the weights to what is released of them, so that later stages see the same as if they began from that."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.to(torch.bfloat16))


def _take(model: Any, stage: TowerStage | Stage, shipped: Path) -> None:
    """Put what a stage released into the model: its tower, its language model, or all of it."""
    if stage.kind == "vision":
        tower = load_model(SiglipVisionModel, shipped, dtype=torch.float32)
        model.model.vision_tower.load_state_dict(tower.state_dict())
    elif stage.kind == "text":
        reader = load_model(Qwen3ForCausalLM, shipped, dtype=torch.float32)
        model.model.language_model.load_state_dict(reader.model.state_dict())
        model.lm_head.load_state_dict(reader.lm_head.state_dict())
    else:
        _read_weights(model, shipped)


def _read_weights(model: Any, done: Path) -> None:
    model.load_state_dict(load_model(type(model), done, dtype=torch.float32).state_dict())


def save_release(model: Any, processor: Any, stage: TowerStage | Stage, output: Path) -> None:
    """Write what a stage made: a tower, a language model after a text stage, else the whole VLM, in bfloat16."""
    if stage.kind == "vision":
        tower: Any = SiglipVisionModel(model.config.vision_config)
        tower.load_state_dict(model.model.vision_tower.state_dict())
        tower.to(torch.bfloat16).save_pretrained(output)
        processor.image_processor.save_pretrained(output)
        return
    if stage.kind != "text":
        save_model(model, processor, output)
        return
    reader: Any = Qwen3ForCausalLM(model.config.text_config)
    reader.model.load_state_dict(model.model.language_model.state_dict())
    reader.lm_head.load_state_dict(model.lm_head.state_dict())
    reader.generation_config = model.generation_config
    reader.to(torch.bfloat16).save_pretrained(output)
    processor.tokenizer.save_pretrained(output)


def save_model(model: Any, processor: Any, output: Path) -> None:
    """Write the model in bfloat16 safetensors, with the tower under the hub's older names, which vLLM reads."""
    output.mkdir(parents=True, exist_ok=True)
    weights = output / "model.safetensors"
    tied = model.config.text_config.tie_word_embeddings  # then the output head is the input embedding, kept once
    tensors = {name: tensor for name, tensor in model.state_dict().items() if not (tied and name == "lm_head.weight")}
    state = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    type(model)(model.config).to(torch.bfloat16).save_pretrained(output, state_dict=state)
    model.generation_config.save_pretrained(output)
    processor.save_pretrained(output)
    if not weights.is_file():  # too large for one file, so under the names of today
        return
    renamed = {
        name
        if name.startswith("vision_tower.vision_model.")
        else name.replace("vision_tower.", "vision_tower.vision_model.", 1): tensor
        for name, tensor in load_file(weights).items()
    }
    save_file(renamed, weights, metadata={"format": "pt"})
