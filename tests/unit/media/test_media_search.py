"""The videos of timelines are looked for by whatever a timeline says, also by nonsense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batch_analogy.errors import InputError
from batch_analogy.media.media_search import MediaSearch

otio = pytest.importorskip("opentimelineio")


def clip(url: str, name: str = "lake") -> Any:
    return otio.schema.Clip(name, otio.schema.ExternalReference(url))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("//[x", "lake"),
        ("http://[x", "lake"),
        ("file:///a\0b", "lake"),
        ("x" * 300 + ".mp4", "lake"),
        ("", "n" * 300),
        ("file:///" + "y/" * 3000, "lake"),
        ("", "/"),
        ("..", "."),
    ],
)
def test_what_is_no_name_of_a_file_is_a_missing_video(
    tmp_path: Path, url: str, name: str, named: bool
) -> None:
    search = MediaSearch(tmp_path, tmp_path if named else None)
    with pytest.raises(InputError, match=r"is not in .*; name its folder with --media"):
        search.find(clip(url, name))


def test_addresses_are_not_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="download it"):
        MediaSearch(tmp_path, None).find(clip("https://example.org/lake.mov"))


def test_finds_a_video_by_address_path_name_and_reel(tmp_path: Path) -> None:
    video = tmp_path / "day 1" / "A001 [x].mov"
    video.parent.mkdir()
    video.touch()
    beside = MediaSearch(tmp_path, None)
    assert beside.find(clip(video.as_uri())) == video
    assert beside.find(clip("day 1/A001 [x].mov")) == video
    assert MediaSearch(video.parent, None).find(clip("", "a001 [X]")) == video
    by_reel = clip("C:\\rushes\\lost.mov")
    by_reel.metadata["cmx_3600"] = {"reel": "A001 [x]"}
    assert MediaSearch(tmp_path / "elsewhere", tmp_path).find(by_reel) == video


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "lake.mov").touch()
    with pytest.raises(InputError, match="are both called as the video of clip 'lake'"):
        MediaSearch(tmp_path, tmp_path).find(clip("lake.mov"))
