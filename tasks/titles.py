"""Titles: the names of tasks in figures, which are easier to read than their names in commands."""

BLIND = "_blind"  # how the variant without pictures is named
_TITLES = {
    "easy_vqa": "easy-VQA",
    "imagenet": "ImageNet",
    "in_domain": "In-domain",
    "mmstar_categories": "MMStar",
    "grounding": "Grounding",
    "similarity": "Similarity",
}
_FAMILIES = {"in_domain": "", "grounding": "", "similarity": "", "mmstar": "MMStar", "interleave": "Interleave"}
_DATA_SETS = {
    "ocrvqa": "OCR-VQA",
    "textvqa": "TextVQA",
    "scienceqa": "ScienceQA",
    "vqav2": "VQAv2",
    "gqa": "GQA",
    "vizwiz": "VizWiz",
    "refcoco": "RefCOCO",
    "refcoco_plus": "RefCOCO+",
    "refcocog": "RefCOCOg",
    "nights": "NIGHTS",
    "pieapp": "PieAPP",
}
_SPLITS = {
    "dev": "dev",
    "test": "test",
    "val": "val",
    "testa": "test A",
    "testb": "test B",
    "hub": "hub",
    "unisim": "UniSim",
}


def title_of(task: str) -> str:
    """A task's title: `VizWiz` for `in_domain_vizwiz`, `RefCOCO+ (test A)` for `grounding_refcoco_plus_testa`.

    A task that isn't ours keeps its name.
    """
    name = task.removesuffix(BLIND)
    title = _TITLES.get(name) or _compose(name)
    if not title:
        return task
    return title if name == task else f"{title} (no picture)"


def _compose(name: str) -> str:
    """A title made of a family, a data set and a split; empty where the name begins with no family of ours."""
    family = next((family for family in _FAMILIES if name.startswith(f"{family}_")), None)
    if family is None:
        return ""
    rest = name.removeprefix(f"{family}_")
    split = next((split for split in _SPLITS if split in (rest.partition("_")[0], rest.rpartition("_")[2])), "")
    data_set = rest.removeprefix(split).removesuffix(split).strip("_") if split else rest
    title = _DATA_SETS.get(data_set) or data_set.replace("_", " ")
    title = f"{_FAMILIES[family]} {title}".strip() or "In-domain"
    return f"{title} ({_SPLITS[split]})" if split else title
