"""Pictures are known by their content; HEIF and JPEG XL are read by extras that messages name."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401  writes JPEG XL
import pytest
from PIL import Image, features

from batch_analogy.errors import FrameError
from batch_analogy.media import picture_kinds
from batch_analogy.media.camera_raw import is_raw_file
from batch_analogy.media.exif import read_capture_time
from batch_analogy.media.picture_kinds import kind_of
from batch_analogy.media.sequence import find_stills, is_video
from batch_analogy.media.stills import read_depth_loss, read_size, read_still
from tests.support.command_line import picture

TAKEN = "2026:03:01 12:00:00"


def save(path: Path, format_: str | None = None, *, turned: bool = False) -> Path:
    """Write a picture in the format of its suffix, or in another one."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = TAKEN
    if turned:
        exif[0x0112] = 6
    image = Image.fromarray(picture(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    if (format_ or path.suffix.lower()) in ("HEIF", ".heic", ".heif", ".hif"):
        heif = pillow_heif.from_pillow(image)
        heif.info["exif"] = exif.tobytes()
        heif.save(path, quality=95)
    else:
        image.save(path, format_, exif=exif)
    return path


KINDS = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "TIFF": "TIFF",
    "WEBP": "WebP",
    "GIF": "GIF",
    "BMP": "BMP",
    "PPM": "PNM",
    "JPEG2000": "JPEG 2000",
    "HEIF": "HEIF",
    "AVIF": "AVIF",
    "JXL": "JPEG XL",
}


@pytest.mark.parametrize("format_", KINDS)
def test_a_picture_is_known_and_read_whatever_its_name(tmp_path: Path, format_: str) -> None:
    if format_ == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    for name in ("a.HEIC", "a.jpg", "a", "a.odd"):
        path = save(tmp_path / name, format_)
        assert kind_of(path) == KINDS[format_]
        assert not is_video(path)
        assert find_stills(str(path)) == [str(path)]
        assert read_size(path) == (64, 80)
        assert float(np.abs(read_still(path) * 255 - picture(0)).mean()) < 12


def test_a_jpeg_called_raw_is_a_jpeg(tmp_path: Path) -> None:
    path = save(tmp_path / "a.NEF", "JPEG")
    assert not is_raw_file(path)
    assert read_size(path) == (64, 80)
    (tmp_path / "b.NEF").write_bytes(b"II*\0" + bytes(60))
    assert is_raw_file(tmp_path / "b.NEF")


def test_heif_is_turned_upright_and_has_a_capture_time(tmp_path: Path) -> None:
    path = save(tmp_path / "a.heic", turned=True)
    assert read_size(path) == (80, 64)
    assert read_capture_time(path) == "2026-03-01T12:00:00.000000"
    assert float(np.abs(read_still(path) * 255 - np.rot90(picture(0), -1)).mean()) < 12
    assert read_capture_time(save(tmp_path / "b.heic", "JPEG")) == "2026-03-01T12:00:00.000000"


def test_ten_bits_of_heif_are_told_and_hdr_is_refused(tmp_path: Path) -> None:
    deep = (picture(0).astype(np.uint16) * 257).tobytes()
    heif = pillow_heif.from_bytes("RGB;16", (80, 64), deep)
    heif.save(tmp_path / "deep.heic", bit_depth=10)
    assert "HEIF pictures are read with 8" in str(read_depth_loss(tmp_path / "deep.heic"))
    heif.save(tmp_path / "hdr.heic", bit_depth=10, nclx_profile={}, transfer_characteristics=16)
    with pytest.raises(FrameError, match=r"hdr\.heic is an HDR picture \(PQ\)"):
        read_size(tmp_path / "hdr.heic")


@pytest.mark.parametrize(
    ("format_", "extra", "modules"),
    [
        ("HEIF", "batch-analogy[heif]", ["pi_heif", "pillow_heif"]),
        ("JXL", "batch-analogy[jxl]", ["pillow_jxl"]),
    ],
)
def test_a_missing_extra_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    format_: str,
    extra: str,
    modules: list[str],
) -> None:
    path = save(tmp_path / "a.jpg", format_)
    picture_kinds._registered.cache_clear()
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails
    for name in ("HEIF", "JXL"):
        monkeypatch.delitem(Image.OPEN, name, raising=False)
    monkeypatch.setattr(Image, "ID", [one for one in Image.ID if one not in ("HEIF", "JXL")])
    with pytest.raises(FrameError, match=r"a\.jpg is a .* picture; to read it") as refused:
        read_still(path)
    assert extra in str(refused.value)
    assert read_capture_time(path) is None
    monkeypatch.undo()
    picture_kinds._registered.cache_clear()


def test_files_whose_names_tell_nothing_are_listed_if_they_hold_pictures(tmp_path: Path) -> None:
    for name in ("img1.jpg", "img2", "img3.jpg_large", "other.bin"):
        save(tmp_path / "a" / name, "JPEG")
    for name in ("img1.jpg_original", "img1.thm", "img4.tmp", "img5~"):
        save(tmp_path / "a" / name, "JPEG")
    (tmp_path / "a" / "img6.dat").write_text("no picture at all")
    assert [Path(p).name for p in find_stills(str(tmp_path / "a"))] == [
        "img1.jpg",
        "img2",
        "img3.jpg_large",
    ]
    save(tmp_path / "b" / "x.bin", "PNG")
    assert [Path(p).name for p in find_stills(str(tmp_path / "b"))] == ["x.bin"]


def test_heif_beside_a_jpeg_of_the_same_name_is_skipped(tmp_path: Path) -> None:
    for name in ("1.jpg", "1.heic", "2.heic", "2.dng", "3.dng", "4.hif"):
        (tmp_path / name).touch()
    found = [Path(p).name for p in find_stills(str(tmp_path))]
    assert found == ["1.jpg", "2.heic", "3.dng", "4.hif"]
