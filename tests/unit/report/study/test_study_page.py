"""The file of a study's page: its content, and what it must not reveal."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from batch_analogy.errors import InputError, UsageError
from batch_analogy.report.comparison.results_folder import read_comparison
from batch_analogy.report.study.page import make_study
from batch_analogy.report.study.study_key import read_keys
from tests.support.comparison import CASES, METHODS, picture, write_comparison


def data_url(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="study">(.*?)</script>', text, re.S)
    assert found
    return dict(json.loads(found[1]))


def pixels(address: str) -> np.ndarray:
    assert address.startswith("data:image/png;base64,")
    image = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))
    assert image.info == {}
    return np.asarray(image)


def test_all_pictures_are_embedded_and_in_the_key(tmp_path: Path) -> None:
    comparison = write_comparison(tmp_path / "compared")
    made = make_study(comparison, tmp_path / "study.html")
    study = data_url(made.page.read_text())
    assert np.array_equal(pixels(study["source"]), picture(0))
    keys = read_keys(tmp_path / "compared")
    key = keys[study["study"]]
    assert key == made.key
    names = {case.id: case for case in key.cases}
    number = 2 + len(CASES)
    numbers = {
        (m, c): number + k for k, (m, c) in enumerate((m, c) for m in METHODS for c in CASES)
    }
    for case in study["cases"]:
        keyed = names[case["id"]]
        assert np.array_equal(pixels(case["map"]), picture(2 + CASES.index(keyed.name)))
        assert len(case["pictures"]) == len(METHODS)
        for shown in case["pictures"]:
            method = keyed.methods[shown["id"]]
            assert np.array_equal(pixels(shown["src"]), picture(numbers[method, keyed.name]))


def test_the_page_names_no_method_and_needs_no_network(tmp_path: Path) -> None:
    made = make_study(write_comparison(tmp_path / "compared"), tmp_path / "study.html")
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", made.page.read_text())
    for word in (*METHODS, *CASES, str(tmp_path)):
        assert word not in text
    assert "default-src 'none'" in text
    assert re.findall(r"(?:https?:)?//[a-z]", text.replace("file://", "")) == []
    assert "{{" not in text
    orders = {tuple(case.methods[name] for name in sorted(case.methods)) for case in made.key.cases}
    assert len(orders) > 1  # the order in the file tells nothing either


def test_the_same_comparison_gives_the_same_page(tmp_path: Path) -> None:
    comparison = write_comparison(tmp_path / "compared")
    pages = [make_study(comparison, tmp_path / f"{n}.html").page.read_text() for n in range(2)]
    assert pages[0] == pages[1]
    other = make_study(
        comparison, tmp_path / "2.html", methods=METHODS[:2], question="Which & why?"
    )
    assert "Which &amp; why?" in other.page.read_text()
    assert len(read_keys(tmp_path / "compared")) == 2


def test_rejects_methods_that_cannot_be_ranked(tmp_path: Path) -> None:
    comparison = write_comparison(tmp_path / "compared")
    for methods, words in (
        (["semantic"], "2 to 12 different methods, not 1"),
        (["semantic", "semantic"], "different"),
        (["semantic", "spade"], "spade is not in .* compares semantic, numbers, deep"),
    ):
        with pytest.raises(UsageError, match=words):
            make_study(comparison, tmp_path / "study.html", methods=methods)
    assert not (tmp_path / "study.html").exists()


def test_rejects_folders_without_a_comparison(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no finished comparison"):
        read_comparison(tmp_path)
    comparison = write_comparison(tmp_path / "compared")
    with pytest.raises(UsageError, match="has no study"):
        read_keys(tmp_path / "compared")
    comparison.folder.picture("deep", "hill").unlink()
    with pytest.raises(InputError, match=r"hill\.png is missing"):
        read_comparison(tmp_path / "compared")
    comparison.folder.values.write_text('{"format": 99}')
    with pytest.raises(UsageError, match="has format 99"):
        read_comparison(tmp_path / "compared")


def test_rejects_a_damaged_key(tmp_path: Path) -> None:
    made = make_study(write_comparison(tmp_path / "compared"), tmp_path / "study.html")
    values = json.loads(made.key_file.read_text())
    made.key_file.write_text(json.dumps({**values, "cases": [{"id": "x"}]}))
    with pytest.raises(InputError, match="is damaged"):
        read_keys(tmp_path / "compared")
