"""What a command decides for itself about its films."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batch_analogy.config.run import Command
from batch_analogy.jobs.drive.film_configs import default_deflicker, film_config, film_configs
from tests.support.hdr_videos import hdr_video


@pytest.mark.parametrize(
    ("command", "source", "target", "expected"),
    [
        ("timelapse", "frames/", "frames", "auto"),
        ("timelapse", "clip.mp4", "frames", "off"),
        ("timelapse", "seasons/", "reference", "off"),
        ("stylize", "frames/", "frames", "off"),
    ],
)
def test_only_a_timelapse_of_stills_is_deflickered(
    command: Any, source: str, target: str, expected: str
) -> None:
    assert default_deflicker(command, source, target) == expected


@pytest.mark.parametrize(
    ("command", "fields", "codec"),
    [
        ("timelapse", {}, "h265"),
        ("timelapse", {"output": "film.webm"}, "av1"),
        ("timelapse", {"output": "film.gif"}, "gif"),
        ("timelapse", {"codec": "h264"}, "h264"),
        ("timelapse", {"hdr": "bt709"}, "h264"),
        ("stylize", {}, "h264"),
    ],
)
def test_the_codec_is_what_players_expect_of_hdr(
    tmp_path: Path, command: Command, fields: dict[str, Any], codec: str
) -> None:
    video = hdr_video(tmp_path / "bars.mp4", frames=1)
    config = film_config(command, video, reference="p.jpg", **fields)
    assert config.codec == codec


def test_places_of_several_films_follow_their_names() -> None:
    made = film_configs(
        "stylize",
        [["a.mp4"], ["b.mp4"]],
        reference="p.jpg",
        output="out/{name}.mkv",
        timeline="out/{name}.edl",
    )
    assert [one.output.name for one in made] == ["a.mkv", "b.mkv"]
    assert [one.timeline and one.timeline.name for one in made] == ["a.edl", "b.edl"]
    assert [one.run_dir.name for one in made] == ["a.run", "b.run"]
