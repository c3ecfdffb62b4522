"""All files name the same versions of Ray, Python, torch and this package."""

from __future__ import annotations

import re

import pytest
import ray

from tests.cluster.launch_files.cluster_files import (
    CLUSTER,
    LAUNCHER_FILES,
    ROOT,
    pinned,
    project,
    read_yaml,
)

FILES = sorted(
    path for path in CLUSTER.rglob("*") if path.is_file() and path.suffix not in {".png", ".pyc"}
)
PYTHON = "3.12"
by_name = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def versions(pattern: str, text: str) -> set[str]:
    return {match[1] for match in re.finditer(pattern, text, re.IGNORECASE)}


def test_the_rayjob_names_the_installed_ray() -> None:
    if ray.__version__ != pinned("ray"):
        pytest.skip(f"this is Ray {ray.__version__}; constraints.txt pins {pinned('ray')}")
    cluster = read_yaml(CLUSTER / "kuberay" / "rayjob.yaml")["spec"]["rayClusterSpec"]
    assert cluster["rayVersion"] == ray.__version__


@by_name
def test_a_file_names_the_pinned_versions(path) -> None:
    text = path.read_text()
    assert versions(r"\bray(?:version)?[\"':= ]+(\d+\.\d+\.\d+)", text) <= {pinned("ray")}
    assert versions(r"\btorch[\"':= ]+(\d+\.\d+\.\d+)", text) <= {pinned("torch")}
    assert versions(r"\bbatch-analogy:(\d[\w.]*)", text) <= {project()["version"]}
    assert versions(r"\bbatch_analogy-(\d[\w.]*)-py3", text) <= {project()["version"]}
    assert versions(r"\bpython(?:=|:| )?(3\.\d+)", text) <= {PYTHON}


def test_files_contain_versions() -> None:
    """Without any, the test before this one would compare nothing."""
    rayjob = (CLUSTER / "kuberay" / "rayjob.yaml").read_text()
    dockerfile = (CLUSTER / "Dockerfile").read_text()
    assert versions(r"\bray(?:version)?[\"':= ]+(\d+\.\d+\.\d+)", rayjob) == {pinned("ray")}
    assert versions(r"image: batch-analogy:(\S+)", rayjob) == {project()["version"]}
    assert versions(r"\bbatch-analogy:(\d[\w.]*)", dockerfile) == {project()["version"]}
    assert re.findall(r"^FROM python:(3\.\d+)-slim", dockerfile, re.MULTILINE) == [PYTHON]
    for path in LAUNCHER_FILES:
        assert versions(r"\bpython(3\.\d+) -m venv", path.read_text()) == {PYTHON}, path.name


def test_the_package_supports_the_pinned_python() -> None:
    low, high = re.findall(r"3\.(\d+)", project()["requires-python"])
    assert int(low) <= int(PYTHON.partition(".")[2]) < int(high)


def test_the_files_require_the_driver_of_torchs_cuda() -> None:
    """CUDA 13 needs driver 580; adapt this test if constraints.txt names another CUDA."""
    assert pinned("cuda-toolkit").startswith("13.")
    for name in ("aws.yaml", "gcp.yaml", "Dockerfile", "README.md"):
        assert re.search(r"driver[^.]*?\b580\b|580[^.]*driver", (CLUSTER / name).read_text(), re.S)


def test_installations_use_the_constraints() -> None:
    """Only packages that the autoscaler needs on the head may be installed without them."""
    for path in FILES:
        for line in path.read_text().splitlines():
            if re.search(r"\bpip install\b", line) and "-c " not in line:
                assert re.search(r"boto3|google-api-python-client", line), f"{path.name}: {line}"


@by_name
def test_files_contain_no_secret_and_no_registry(path) -> None:
    text = path.read_text()
    assert not re.search(r"AKIA[0-9A-Z]{16}|-----BEGIN|RAY_AUTH_TOKEN=\S|auth_token: \S", text)
    registries = r"\b(?:docker\.io|gcr\.io|ghcr\.io|quay\.io|\w+\.pkg\.dev|amazonaws\.com/[\w-]+:)"
    assert not re.search(registries, text)
    assert not re.search(r"--(?:extra-)?index-url|simple/", text)


def test_the_image_copies_the_files_that_dockerignore_admits() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (CLUSTER / "Dockerfile").read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    sent = {
        line.removeprefix("!")
        for line in (CLUSTER / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert names == sent
    assert [name for name in names if not (ROOT / name).exists()] == []
    assert {"pyproject.toml", *project()["license-files"], project()["readme"]} <= names
