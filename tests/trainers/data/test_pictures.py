"""Picture files that end early, with lmms-eval's setting and without."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from sightscale.trainers.data.pictures import open_whole


@pytest.mark.parametrize("accepted", [True, False])
def test_a_picture_that_ends_early_is_an_error(accepted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", accepted)
    for kind in ("JPEG", "PNG"):
        content = BytesIO()
        Image.effect_noise((200, 150), 40).convert("RGB").save(content, kind)
        whole = content.getvalue()
        (tmp_path / "picture").write_bytes(whole)
        for source in (whole, tmp_path / "picture"):
            with open_whole(source) as image:
                assert image.convert("RGB").size == (200, 150)
        with pytest.raises(OSError, match="truncated"), open_whole(whole[: len(whole) // 2]) as image:
            image.convert("RGB")
        assert ImageFile.LOAD_TRUNCATED_IMAGES is accepted
