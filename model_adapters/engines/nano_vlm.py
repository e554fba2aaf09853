"""nanoVLM's own way to show a picture: cut into square tiles that an Idefics3 sees one by one, each named before it.

A converted nanoVLM is transformers' Idefics3 by its weights, but not by its pictures: nanoVLM puts the whole picture
first, marks no edges, and leaves colours between 0 and 1.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer

from sightscale.tasks.errors import UserError

FILE = "nano_vlm_processor.json"
IMAGE_TOKEN, GLOBAL_TOKEN = "<|image|>", "<|global_image|>"
FAINTEST = 1e-6  # an Idefics3 takes a tile of zeros for none, and a black picture has one


@dataclass(frozen=True)
class Tiling:
    """How pictures are cut: the side of a tile, the longest side of a picture, and tokens of a tile.

    `grows`: whether a small picture is made as large as the longest side. `whole`: whether the whole picture, made as
    small as a tile, comes before the tiles of a larger one.
    """

    tile: int
    longest: int
    tokens: int
    grows: bool = False
    whole: bool = True

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The width and height that a picture of that size gets: multiples of a tile's side, its shape about kept."""
        long, short = max(width, height), min(width, height)
        longer = self.longest if self.grows else min(self.longest, math.ceil(long / self.tile) * self.tile)
        shorter = max(self.tile, math.ceil(short * longer / long / self.tile) * self.tile)
        return (longer, shorter) if width >= height else (shorter, longer)

    def cut(self, picture: Image.Image) -> tuple[torch.Tensor, int, int]:
        """A picture's tiles (with the whole of it first, if wanted), and how many rows and columns they make."""
        resized = picture.convert("RGB").resize(self.size(*picture.size), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.asarray(resized, np.float32) / 255).permute(2, 0, 1)  # [3, H, W]
        rows, columns = (side // self.tile for side in pixels.shape[1:])
        tiles = pixels.unfold(1, self.tile, self.tile).unfold(2, self.tile, self.tile)  # [3, rows, columns, t, t]
        tiles = tiles.permute(1, 2, 0, 3, 4).reshape(rows * columns, 3, self.tile, self.tile)
        if self.whole and rows * columns > 1:
            small = torch.nn.functional.interpolate(
                pixels[None], (self.tile, self.tile), mode="bilinear", antialias=True, align_corners=False
            )
            tiles = torch.cat([small, tiles])
        return tiles.clamp(min=FAINTEST), rows, columns

    def name(self, rows: int, columns: int) -> str:
        """The text that stands for a picture of that many rows and columns."""
        each = IMAGE_TOKEN * self.tokens
        if self.whole and rows * columns == 1:
            return GLOBAL_TOKEN + each
        tiles = (f"<row_{row}_col_{column}>{each}" for row in range(1, rows + 1) for column in range(1, columns + 1))
        return (GLOBAL_TOKEN + each if self.whole else "") + "".join(tiles)


class NanoVlmProcessor:
    """Texts and pictures as a converted nanoVLM takes them."""

    image_token = IMAGE_TOKEN

    def __init__(self, tokenizer: Any, tiling: Tiling) -> None:
        self.tokenizer, self.tiling = tokenizer, tiling

    @property
    def chat_template(self) -> str:
        """The tokenizer's own."""
        return str(self.tokenizer.chat_template or "")

    @chat_template.setter
    def chat_template(self, template: str) -> None:
        self.tokenizer.chat_template = template

    def apply_chat_template(self, *arguments: Any, **options: Any) -> Any:
        """A conversation as text, with one mark for each picture."""
        return self.tokenizer.apply_chat_template(*arguments, **options)

    def __call__(
        self, text: Sequence[str], images: Sequence[Sequence[Image.Image]] | None = None, **options: Any
    ) -> dict[str, torch.Tensor]:
        """Tensors with a row for each text. Raises ValueError where a text has other than a mark for each picture."""
        rows = [list(row) for row in images] if images else [[] for _ in text]
        cut = [[self.tiling.cut(picture) for picture in row] for row in rows]
        texts = [self._spell(prompt, [grid[1:] for grid in row]) for prompt, row in zip(text, cut, strict=True)]
        inputs = dict(self.tokenizer(texts, **options))
        if images:
            tiles = [torch.cat([grid[0] for grid in row]) for row in cut]
            most = max(len(row) for row in tiles)
            inputs["pixel_values"] = torch.stack(
                [torch.cat([row, row.new_zeros(most - len(row), *row.shape[1:])]) for row in tiles]
            )
        return inputs

    def _spell(self, text: str, grids: Sequence[tuple[int, int]]) -> str:
        parts = text.split(IMAGE_TOKEN)
        if len(parts) != len(grids) + 1:
            raise ValueError(f"a prompt has {len(parts) - 1} marks for {len(grids)} pictures")
        spelled = parts[0]
        for grid, part in zip(grids, parts[1:], strict=True):
            spelled += self.tiling.name(*grid) + part
        return spelled

    def save_pretrained(self, folder: Path | str) -> None:
        """Write the tokenizer and the tiling."""
        self.tokenizer.save_pretrained(folder)
        (Path(folder) / FILE).write_text(json.dumps(asdict(self.tiling), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: Path | str) -> "NanoVlmProcessor":
        """Read what `save_pretrained` wrote. Raises UserError when it is something else."""
        path = Path(folder) / FILE
        try:
            stated = json.loads(path.read_text(encoding="utf-8"))
            tiling = Tiling(**stated)
            if not (0 < tiling.tile <= tiling.longest <= 100_000 and 0 < tiling.tokens <= 100_000):
                raise ValueError("its sizes make no sense")
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise UserError(f"{path} states no tiling: {error}; convert the checkpoint anew") from error
        return cls(AutoTokenizer.from_pretrained(folder), tiling)
