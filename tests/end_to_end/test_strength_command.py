"""Part of a look through the command line: strength and kept colours, for all frames or fading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.config.amounts import LookShare
from batch_analogy.media.oklab import Oklab
from batch_analogy.media.partial_look import mix_look
from batch_analogy.media.stills import read_still
from tests.support.command_line import (
    HERE,
    QUICK,
    Call,
    finished_frames,
    frame_times,
    write_frames,
    write_picture,
)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def assert_close(found: np.ndarray, wanted: np.ndarray) -> None:
    """Check a mixture; both the look that it is compared with and itself were rounded to 8 bits."""
    difference = np.abs(found - wanted)
    assert difference.mean() < 0.5 / 255
    assert np.quantile(difference, 0.99) < 2.5 / 255


def film(call: Call, root: Path, name: str, *options: str | Path) -> Path:
    """Make numbered pictures of root/frames; return their folder."""
    out = root / name / "%06d.png"
    call("timelapse", root / "reference.png", root / "frames", "-o", out, *options).assert_ended(0)
    return out.parent


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_picture(tmp_path / "reference.png", 40, 70, 66)
    write_frames(tmp_path / "frames", 5)
    return tmp_path


@pytest.mark.smoke
def test_a_fade_goes_from_the_frames_themselves_to_the_whole_look(call: Call, root: Path) -> None:
    whole = film(call, root, "whole", *HERE, "--deflicker", "off")
    same = film(call, root, "same", *HERE, "--deflicker", "off", "--strength", "1.0")
    fade = film(call, root, "fade", *HERE, "--deflicker", "off", "--strength", "0,1")
    for index in range(5):
        name = f"{index:06d}.png"
        assert (same / name).read_bytes() == (whole / name).read_bytes()
        share = LookShare([0, 0.15625, 0.5, 0.84375, 1][index])
        own = read_still(root / "frames" / f"img{index}.png")
        wanted = mix_look(own, read_still(whole / name), share)
        assert_close(read_still(fade / name), wanted)
    np.testing.assert_array_equal(pixels(fade / "000000.png"), pixels(root / "frames/img0.png"))
    np.testing.assert_array_equal(pixels(fade / "000004.png"), pixels(whole / "000004.png"))


def test_steady_films_are_mixed_after_they_are_made(call: Call, root: Path) -> None:
    steady = [*QUICK, "--address", "none", "--deflicker", "off"]
    whole = film(call, root, "whole", *steady)
    half = film(call, root, "half", *steady, "--strength", "0.5")
    for index in range(5):
        own = read_still(root / "frames" / f"img{index}.png")
        styled = read_still(whole / f"{index:06d}.png")
        wanted = mix_look(own, styled, LookShare(0.5))
        assert_close(read_still(half / f"{index:06d}.png"), wanted)


def test_another_strength_makes_only_the_frames_again_that_it_changes(
    call: Call, root: Path
) -> None:
    frames = root / "film.run"
    command = ["timelapse", root / "reference.png", root / "frames", "-o", root / "film.mp4", *HERE]
    call(*command, "--strength", "1@2,0.5@4").assert_ended(0)
    before, times = finished_frames(frames), frame_times(frames)
    made = (root / "film.mp4").read_bytes()
    refused = call(*command, "--strength", "1@2,0@4")
    refused.assert_failed(2, "strength was 1@2,0.5@4, is 1@2,0@4", "--overwrite")
    assert frame_times(frames) == times
    told = call(*command, "--strength", "1@2,0@4", "--overwrite", "--dry-run")
    told.assert_ended(0, "strength", "1 at frame 2, 0 at frame 4, fading in between")
    call(*command, "--strength", "1@2,0@4", "--overwrite").assert_ended(0)
    after = finished_frames(frames)
    changed = [name for name in before if frame_times(frames)[name] != times[name]]
    assert [Path(name).stem for name in sorted(changed)] == ["000003", "000004"]
    assert all(before[name] != after[name] for name in changed)
    assert (root / "film.mp4").read_bytes() != made
    fresh = film(call, root, "fresh", *HERE, "--strength", "1@2,0@4")
    assert sorted(after.values()) == sorted(finished_frames(fresh.with_name("fresh.run")).values())


def test_a_resumed_run_keeps_its_fade(call: Call, root: Path) -> None:
    whole = film(call, root, "whole", *HERE, "--strength", "0,1", "--keep-colours")
    again = [root / "reference.png", root / "frames", "-o", root / "part/%06d.png", *HERE]
    options = ["--strength", "0,1", "--keep-colours"]
    call("preview", *again, *options, "--frames", "2").assert_ended(0)
    call("resume", root / "part.run").assert_ended(0)
    for path in sorted(whole.iterdir()):
        assert (root / "part" / path.name).read_bytes() == path.read_bytes()


def test_kept_colours_are_those_of_the_frames(call: Call, root: Path) -> None:
    whole = film(call, root, "whole", *HERE, "--deflicker", "off")
    kept = film(call, root, "kept", *HERE, "--deflicker", "off", "--keep-colours")
    half = film(call, root, "half", *HERE, "--deflicker", "off", "--keep-colours", "0.5")
    for folder, share in ((kept, LookShare(1, 1)), (half, LookShare(1, 0.5))):
        own, styled = read_still(root / "frames/img2.png"), read_still(whole / "000002.png")
        found = read_still(folder / "000002.png")
        assert_close(found, mix_look(own, styled, share))
    light = [Oklab().from_pixels(read_still(f / "000002.png"))[..., 0] for f in (whole, kept)]
    np.testing.assert_allclose(light[0], light[1], atol=0.02)


def test_both_targets_and_videos_of_painted_frames_may_be_mixed(call: Call, root: Path) -> None:
    both = film(call, root, "both", *HERE, "--target", "both", "--strength", "0")
    names = {path.name for path in both.parent.iterdir()}
    b = next(root / name for name in names if name.startswith("both") and "reference" in name)
    np.testing.assert_array_equal(pixels(b / "000003.png"), pixels(root / "reference.png"))


def test_a_painted_film_may_keep_a_part(call: Call, root: Path) -> None:
    painted = write_picture(root / "painted.png", 9)
    command = ["analogy", root / "frames", "--key", f"0={painted}", "--size", "0.0041"]
    command += ["--temporal", "off", "--address", "none", "--overwrite"]
    shares = (("whole", "1", "0"), ("none", "0", "0"), ("kept", "0.7", "1"))
    for name, strength, kept in shares:
        options = ["--strength", strength, "--keep-colours", kept]
        call(*command, "-o", root / name / "%06d.png", *options).assert_ended(0)
    own = root / "frames/img1.png"
    np.testing.assert_array_equal(pixels(root / "none/000001.png"), pixels(own))
    wanted = mix_look(read_still(own), read_still(root / "whole/000001.png"), LookShare(0.7, 1.0))
    assert_close(read_still(root / "kept/000001.png"), wanted)


def test_a_pair_in_part(call: Call, tmp_path: Path) -> None:
    a, b = write_picture(tmp_path / "a.png"), write_picture(tmp_path / "b.png", 7, 60, 90)
    whole, half, none = (tmp_path / name for name in ("whole", "half", "none"))
    call("pair", a, b, "-o", whole, *QUICK).assert_ended(0)
    call("pair", a, b, "-o", half, "--sheet", *QUICK, "--strength", "0.5").assert_ended(0)
    call("pair", "--keep-colors", a, b, "-o", none, *QUICK, "--strength", "0").assert_ended(0)
    for name, own in (("a_prime.png", a), ("b.png", b)):
        np.testing.assert_array_equal(pixels(none / name), pixels(own))
        wanted = mix_look(read_still(own), read_still(whole / name), LookShare(0.5))
        assert_close(read_still(half / name), wanted)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--strength", "1.5"], ["strength is 1.5", "between 0 and 1"]),
        (["--strength", "much"], ["strength is 'much'", "like 0,1"]),
        (["--keep-colours=-1"], ["keep-colours is '-1'"]),
        (["--strength", "0@nowhere,1@2"], ["--strength 0@nowhere", "no frame is called"]),
    ],
)
def test_bad_amounts_are_refused_before_anything_is_made(
    call: Call, root: Path, options: list[str], words: list[str]
) -> None:
    command = ["timelapse", root / "reference.png", root / "frames", "-o", root / "film.mp4", *HERE]
    call(*command, *options, "--dry-run").assert_failed(2, *words)
    call(*command, *options).assert_failed(2, *words)
    assert not (root / "film.run").exists()


def test_a_pair_cannot_fade(call: Call, tmp_path: Path) -> None:
    a = write_picture(tmp_path / "a.png")
    call("pair", a, a, *QUICK, "--strength", "0,1").assert_failed(2, "no film", "give one")
