"""The rows of VMCBench's in-domain sets: each task keeps the questions of one source data set."""

from collections.abc import Callable

import datasets

SETS = ("OCRVQA", "TextVQA", "ScienceQA", "VQAv2", "GQA", "VizWiz")


def _keep(category: str) -> Callable[[datasets.Dataset], datasets.Dataset]:
    def keep(rows: datasets.Dataset) -> datasets.Dataset:
        """The rows whose `category` is this task's. Pictures aren't decoded to find them."""
        chosen = [i for i, name in enumerate(rows["category"]) if name == category]
        return rows.select(chosen)

    return keep


keep_ocrvqa, keep_textvqa, keep_scienceqa, keep_vqav2, keep_gqa, keep_vizwiz = map(_keep, SETS)
