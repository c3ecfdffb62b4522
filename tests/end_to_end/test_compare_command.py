"""The command compare: tiny pictures through all methods, interruptions and bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.command_line import Call
from tests.support.semantic import write_disc, write_maps

QUICK = ["--size", "32", "--width", "4", "--iterations", "3"]
METHODS = ["semantic", "network", "numbers", "deep"]


@pytest.fixture(scope="module")
def disc(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_disc(tmp_path_factory.mktemp("disc"))


@pytest.fixture(scope="module")
def maps(disc: tuple[Path, Path]) -> Path:
    return write_maps(disc[0].parent / "maps", 2)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_compares_three_methods_and_pictures_from_elsewhere(
    call: Call, disc: tuple[Path, Path], maps: Path, tmp_path: Path
) -> None:
    out, made = tmp_path / "compared", tmp_path / "made"
    made.mkdir()
    for path in maps.iterdir():  # what a wrong method would make: the source, whatever is asked
        shutil.copy(disc[0], made / path.name)
    ended = call("compare", *disc, maps, "-o", out, "--results", f"same={made}", "--json", *QUICK)
    ended.assert_ended(0, "2 classes", "training begins", "deep: map001", "(10 of 10)")
    values = json.loads((out / "compare.json").read_text())
    assert list(values["methods"]) == [*METHODS, "same"]
    assert ended.json[-1]["summary"] == values["summary"]
    for method in values["methods"]:
        assert pixels(out / "pictures" / method / "map001.png").shape == (27, 32, 3)
    moved = values["cases"][1]["figures"]
    same = moved["same"]
    assert same["vgg19_sifd"] == pytest.approx(0, abs=1e-4)
    assert same["seconds"] is None
    for method in ("numbers", "deep"):
        assert moved[method]["layout_accuracy"] > same["layout_accuracy"]
        assert moved[method]["seconds"] > 0
    page = (out / "compare.html").read_text()
    assert page.count("data:image/png") == 2 * (3 + 5)
    assert "Semantic Image Analogy" in page
    assert pixels(out / "sheets" / "map000.png").shape[1] > 7 * 32
    call("study", "make", out, "-o", tmp_path / "study.html").assert_ended(0, "2 cases to rank")


def test_existing_pictures_are_not_made_again(
    call: Call, disc: tuple[Path, Path], maps: Path, tmp_path: Path
) -> None:
    out = tmp_path / "compared"
    command = ["compare", *disc, maps, "-o", out, "--methods", "numbers", *QUICK]
    call(*command).assert_ended(0, "Layout accuracy", str(out / "compare.html"))
    kept, lost = (out / "pictures" / "numbers" / f"map00{n}.png" for n in range(2))
    first, written = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    (out / "compare.json").unlink()  # as if it had been stopped
    call(*command).assert_ended(0, "map000, made before", "numbers: map001, 0.")
    assert lost.read_bytes() == first
    assert kept.stat().st_mtime_ns == written
    other = [*command, "--seed", "1"]
    call(*other).assert_failed(2, "other pictures or settings", "--overwrite")
    call(*other, "--overwrite").assert_ended(0)


def test_overwriting_deletes_the_earlier_comparison(
    call: Call, disc: tuple[Path, Path], tmp_path: Path
) -> None:
    maps, out = write_maps(tmp_path / "maps", 2), tmp_path / "compared"
    command = ["compare", *disc, maps, "-o", out, "--methods", "numbers", *QUICK]
    call(*command).assert_ended(0)
    (out / "maps" / "mine.png").write_bytes(b"a person's")
    (maps / "map001.png").unlink()
    call(*command, "--overwrite").assert_ended(0)
    for folder in ("sheets", "pictures/numbers"):
        assert [path.name for path in (out / folder).iterdir()] == ["map000.png"]
    assert sorted(path.name for path in (out / "maps").iterdir()) == ["map000.png", "mine.png"]


def test_reports_a_damaged_comparison(
    call: Call, disc: tuple[Path, Path], maps: Path, tmp_path: Path
) -> None:
    out = tmp_path / "compared"
    command = ["compare", *disc, maps, "-o", out, "--methods", "numbers", *QUICK]
    call(*command).assert_ended(0)
    study = ["study", "make", out, "-o", tmp_path / "study.html"]
    for text, word in (("{", "cannot be read"), ('{"format": 1}', "lacks methods")):
        (out / "compare.json").write_text(text)
        ended = call(*study)
        ended.assert_failed(2, word, "compare again with --overwrite")
        assert "run folder" not in ended.err
    (out / "progress.json").write_text("{")
    call(*command).assert_failed(2, "progress.json cannot be read", "with --overwrite")
    call(*command, "--overwrite").assert_ended(0)


def test_a_trained_network_is_used(
    call: Call, disc: tuple[Path, Path], maps: Path, tmp_path: Path
) -> None:
    model = tmp_path / "disc.semantic"
    semantic = ["semantic", *disc, maps / "map001.png", "-o", tmp_path / "one.png"]
    call(*semantic, "--model", model, "--detail", "none", *QUICK).assert_ended(0)
    compare = ["compare", *disc, maps, "-o", tmp_path / "out", "--methods", "network"]
    call(*compare, "--model", model).assert_ended(0, "network: map001")
    made = Image.open(tmp_path / "out" / "pictures" / "network" / "map001.png")
    assert made.size == (32, 27)
    enlarged = np.asarray(made.resize((48, 40), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(enlarged - pixels(tmp_path / "one.png")).mean() < 2  # the same picture
    call(*compare, "--model", model, "--size", "40").assert_failed(2, "leave --size out")
    other = write_disc(tmp_path / "other")
    Image.fromarray(255 - pixels(other[0])).save(other[0])
    wrong = ["compare", *other, maps, "-o", tmp_path / "wrong", "--model", model]
    call(*wrong).assert_failed(2, "trained on another picture")


def test_rejects_bad_input(call: Call, disc: tuple[Path, Path], maps: Path, tmp_path: Path) -> None:
    out = ["-o", tmp_path / "out", *QUICK]
    empty, made = tmp_path / "empty", tmp_path / "made"
    empty.mkdir()
    made.mkdir()
    call("compare", *disc, empty, *out).assert_failed(1, str(empty), "is empty")
    small = tmp_path / "small.png"
    Image.open(disc[1]).resize((40, 40), Image.Resampling.NEAREST).save(small)
    call("compare", disc[0], small, maps, *out).assert_failed(1, "40×40 px", "48×40 px")
    shutil.copy(disc[0], made / "map000.png")
    lacking = call("compare", *disc, maps, *out, "--results", f"other={made}")
    lacking.assert_failed(1, "results of other", "lack map001", "with the map's name")
    Image.open(disc[0]).resize((40, 40)).save(made / "map001.png")
    wrong = call("compare", *disc, maps, *out, "--results", f"other={made}")
    wrong.assert_failed(1, "map001.png is 40×40 px", "aspect ratio")
    colours = tmp_path / "colours.png"
    Image.new("RGB", (48, 40), "yellow").save(colours)
    call("compare", *disc, colours, *out).assert_failed(1, "colours.png", "#ffff00")
    for words, *arguments in (
        ("unknown method spade", "--methods", "spade"),
        ("no methods to compare", "--methods", "none"),
        ("not of the form NAME=FOLDER", "--results", "made"),
        ("cannot be named 'deep'", "--results", f"deep={made}"),
        ("each name may occur only once", "--methods", "deep,deep"),
        ("must lie between 32 and 512 px", "--size", "600"),
    ):
        call("compare", *disc, maps, *out, *arguments).assert_failed(2, words)
    assert not (tmp_path / "out").exists()
