"""The commands of ``semantic`` as a person uses them, bad input included."""

from __future__ import annotations

import dataclasses
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from batch_analogy.jobs.semantic.model_files import load_model, write_state
from batch_analogy.media.video import probe_video
from tests.support.command_line import Call, run, start
from tests.support.semantic import write_disc, write_maps

QUICK = ["--size", "32", "--width", "4", "--iterations", "3"]


@pytest.fixture
def disc(tmp_path: Path) -> tuple[Path, Path]:
    return write_disc(tmp_path)


def test_makes_a_film_of_numbered_maps(call: Call, disc: tuple[Path, Path], tmp_path: Path) -> None:
    maps, film = write_maps(tmp_path / "maps", 4), tmp_path / "film.mp4"
    ended = call("semantic", *disc, maps, "-o", film, "--fps", "12", "--json", *QUICK)
    ended.assert_ended(0, "2 classes", "frames change by")
    assert probe_video(film).frame_count == 4
    assert ended.json[-1]["film"] == str(film)
    assert ended.json[-1]["flicker"] >= 0
    events = {line["event"] for line in ended.json}
    assert {"training-opened", "training-step", "training-ended", "map-done"} <= events
    again = call("semantic", *disc, maps, "-o", film, *QUICK)
    again.assert_failed(2, "film.mp4 exists", "--overwrite")
    one = call("semantic", *disc, maps / "map001.png", "-o", tmp_path / "one.png", *QUICK)
    one.assert_ended(0, "finished before", str(tmp_path / "one.png"))
    assert Image.open(tmp_path / "one.png").size == (48, 40)
    listed = [maps / "map001.png", maps / "map003.png"]  # as a shell does with a pattern
    two = call("semantic", *disc, *listed, "-o", tmp_path / "two", *QUICK)
    two.assert_ended(0, "finished before")
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == [p.name for p in listed]


@pytest.mark.smoke
def test_trains_a_folder_and_applies_a_model(call: Call, tmp_path: Path) -> None:
    write_disc(tmp_path / "pictures", "one")
    write_disc(tmp_path / "pictures", "two")
    wrong = tmp_path / "pictures" / "wrong.png"
    Image.new("RGB", (40, 40), "green").save(wrong)
    Image.new("RGB", (40, 40), "green").save(wrong.with_name("wrong-label.png"))
    place = ["-o", tmp_path / "models", "--address", "none"]
    ended = call("semantic", "train", tmp_path / "pictures", *place, *QUICK)
    ended.assert_ended(3, "wrong failed", "only one colour", "2 of 3 pictures trained")
    maps, out = write_maps(tmp_path / "maps", 2), tmp_path / "out"
    (maps / "other.png").write_bytes(wrong.read_bytes())
    applied = call("semantic", "apply", tmp_path / "models" / "two.semantic", maps, "-o", out)
    applied.assert_ended(3, "other.png is missing", "never saw")
    assert sorted(p.name for p in out.iterdir()) == ["map000.png", "map001.png"]


def test_ctrl_c_keeps_a_checkpoint(disc: tuple[Path, Path], tmp_path: Path) -> None:
    model, target = tmp_path / "disc.semantic", tmp_path / "new.png"
    arguments = ["semantic", *disc, disc[1], "-o", target, *QUICK[:4], "--iterations", "100000"]
    process = start(*arguments)
    assert process.stderr is not None
    for line in process.stderr:
        if "training begins" in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "interrupted after" in said
    assert "same command again" in said
    assert (model / "state" / "checkpoint.safetensors").is_file()
    assert not target.exists()
    run("resume", model).assert_failed(2, "training of batch-analogy semantic")


def test_help_lists_all_three_commands(call: Call) -> None:
    ended = call("semantic", "--help")
    ended.assert_ended(0, "make", "train", "apply", "IMAGE LABEL TARGETS")


def test_refuses_an_empty_folder_of_targets(
    call: Call, disc: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "maps").mkdir()
    call("semantic", *disc, tmp_path / "maps", *QUICK).assert_failed(1, "maps is empty")


def test_refuses_unknown_colours_before_training(
    call: Call, disc: tuple[Path, Path], tmp_path: Path
) -> None:
    strange = tmp_path / "strange.png"
    Image.fromarray(np.full((40, 48, 3), (0, 200, 0), np.uint8)).save(strange)
    ended = call("semantic", *disc, strange, "-o", tmp_path / "o.png", *QUICK)
    ended.assert_failed(1, "#00c800", "#0000ff, #ff0000")
    assert not (tmp_path / "disc.semantic").exists()


def test_refuses_a_label_map_of_another_size(
    call: Call, disc: tuple[Path, Path], tmp_path: Path
) -> None:
    small = tmp_path / "small.png"
    Image.open(disc[1]).resize((24, 20)).save(small)
    ended = call("semantic", disc[0], small, disc[1], "-o", tmp_path / "o.png", *QUICK)
    ended.assert_failed(1, "24×20", "48×40")


def test_refuses_impossible_outputs(call: Call, disc: tuple[Path, Path], tmp_path: Path) -> None:
    maps = write_maps(tmp_path / "maps", 2)
    call("semantic", *disc, maps, "-o", tmp_path / "o.png", *QUICK).assert_failed(
        2, "2 target maps"
    )
    call("semantic", *disc, maps, "-o", tmp_path / "o.bmp", *QUICK).assert_failed(2, "o.bmp")
    call("semantic", *disc, "clip.mp4", *QUICK).assert_failed(2, "clip.mp4 is a video")
    call("semantic", *disc, maps, "--size", "8").assert_failed(2, "size is 8")


def test_refuses_models_that_cannot_be_applied(
    call: Call, disc: tuple[Path, Path], tmp_path: Path
) -> None:
    call("semantic", "apply", tmp_path, disc[1]).assert_failed(2, "contains no trained model")
    call("semantic", *disc, disc[1], "-o", tmp_path / "o.png", *QUICK).assert_ended(0)
    model = load_model(tmp_path / "disc.semantic")
    assert isinstance(model.tensors()["image"], torch.Tensor)
    path = tmp_path / "disc.semantic" / "model.safetensors"
    call("semantic", "apply", path, disc[1], "-o", tmp_path / "f.mp4").assert_ended(0)
    write_state(path, model.tensors(), dataclasses.replace(model.metadata(), version=0))
    ended = call("semantic", "apply", path.parent, disc[1], "-o", tmp_path / "p.png")
    ended.assert_failed(2, "version 0", "train again")


def test_overwriting_deletes_pictures_of_the_earlier_run(
    call: Call, disc: tuple[Path, Path], tmp_path: Path
) -> None:
    maps, out = write_maps(tmp_path / "maps", 5), tmp_path / "out"
    command = ["semantic", *disc, maps, "-o", out, "--detail", "none", *QUICK]
    call(*command).assert_ended(0)
    (out / "mine.png").write_bytes(b"a person's")
    (out / "map004.png").write_bytes(b"painted over by a person")
    for number in (2, 3, 4):
        (maps / f"map00{number}.png").unlink()
    call(*command).assert_failed(2, "map000.png exists")
    call(*command, "--overwrite").assert_ended(0)
    left = ["map000.png", "map001.png", "map004.png", "mine.png"]
    assert sorted(path.name for path in out.iterdir()) == left
    assert (out / "map004.png").read_bytes() == b"painted over by a person"
    film = [*command[:4], "-o", tmp_path / "film.mp4", *command[6:]]
    call(*film).assert_ended(0)
    (frames,) = (tmp_path / "disc.semantic" / "frames").iterdir()
    (maps / "map001.png").unlink()
    assert len(list(frames.iterdir())) == 2
    call(*film, "--overwrite").assert_ended(0)
    assert [path.name for path in frames.iterdir()] == ["000000.png"]


def test_reports_a_failure_once(call: Call, disc: tuple[Path, Path], tmp_path: Path) -> None:
    command = ["semantic", *disc, disc[1], "-o", tmp_path / "o.png", "--detail", "none"]
    call(*command, *QUICK).assert_ended(0)
    wrong = call(*command[:4], "-o", tmp_path / "p.png", *QUICK, "--seed", "2")
    wrong.assert_failed(2, "contains a training of other", "--overwrite")
    assert wrong.err.count("contains a training of other") == 1


def test_works_as_a_process_of_its_own(disc: tuple[Path, Path], tmp_path: Path) -> None:
    ended = run("semantic", *disc, disc[1], "-o", "%04d.png", *QUICK, cwd=tmp_path)
    ended.assert_ended(0)
    assert (tmp_path / "0000.png").is_file()
