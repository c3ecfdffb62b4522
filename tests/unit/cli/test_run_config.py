from __future__ import annotations

from pathlib import Path

import pytest

from batch_analogy.cli.options.film import FilmOptions
from batch_analogy.cli.options.look import LookOptions
from batch_analogy.cli.options.machine import MachineOptions
from batch_analogy.cli.options.share import ShareOptions
from batch_analogy.cli.run_config import matched_films, split_pair
from batch_analogy.errors import UsageError


def test_analogy_takes_frames_or_a_pair_and_frames() -> None:
    assert split_pair(["frames"], painted=False) == ((), ["frames"])
    pair, frames = split_pair(["a", "ap", "frames"], painted=False)
    assert (pair, frames) == (["a", "ap"], ["frames"])


def test_analogy_takes_the_frames_that_a_shell_made_of_a_pattern(tmp_path: Path) -> None:
    shots = [str(tmp_path / f"img{n}.png") for n in range(4)]
    for shot in shots:
        Path(shot).touch()
    assert split_pair(shots, painted=True) == ((), shots)
    assert split_pair(shots[:3], painted=True) == ((), shots[:3])
    pair, frames = split_pair(["a.png", "ap.png", *shots], painted=False)
    assert (pair, frames) == (["a.png", "ap.png"], shots)


@pytest.mark.parametrize("count", [0, 2, 4])
def test_rejects_other_numbers_of_paths(count: int) -> None:
    with pytest.raises(UsageError, match=f"{count} paths were given; give A A' FRAMES"):
        split_pair([str(Path(f"{n}.png")) for n in range(count)], painted=False)


def film_of(reference: str, *frames: str) -> None:
    matched_films(
        "timelapse",
        reference,
        frames,
        LookOptions(),
        ShareOptions(),
        FilmOptions(),
        MachineOptions(),
    )


def test_a_forgotten_reference_is_noticed() -> None:
    with pytest.raises(UsageError, match=r"img0\.jpg, would be the reference, but looks like"):
        film_of("img0.jpg", "img1.jpg", "img2.jpg")


def test_files_and_folders_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(UsageError, match=r"a\.png is a picture and .* is not; give.* -o"):
        film_of("reference.jpg", str(tmp_path), str(tmp_path / "a.png"))
