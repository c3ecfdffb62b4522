"""Kubernetes manifests: strict validation by schema, and rules that schemas cannot express."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from tests.cluster.launch_files.cluster_files import CLUSTER, read_yaml, understood_options
from tests.cluster.launch_files.kuberay_schema import schema_of

RAYJOB = read_yaml(CLUSTER / "kuberay" / "rayjob.yaml")
STORAGE = read_yaml(CLUSTER / "kuberay" / "storage.yaml")
MANIFESTS = [
    pytest.param(RAYJOB, "RayJob", id="rayjob.yaml"),
    pytest.param(STORAGE, "PersistentVolumeClaim", id="storage.yaml"),
]
QUANTITY = r"\d+(\.\d+)?(m|[kMGTPE]|[KMGTPE]i)?"
UNITS = {"Mi": 2**20, "Gi": 2**30}


def complaints(manifest: dict[str, Any], name: str) -> list[str]:
    """Return the validation errors of a manifest."""
    validator = jsonschema.Draft202012Validator(schema_of(name))
    return [f"{e.json_path}: {e.message}" for e in validator.iter_errors(manifest)]


def places(value: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """Yield the paths of all mappings in a manifest."""
    if isinstance(value, dict):
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        if isinstance(item, (dict, list)):
            yield from places(item, *path, key)


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    """Return the part of a manifest at a path."""
    for key in path:
        value = value[key]
    return value


def groups() -> list[dict[str, Any]]:
    cluster = RAYJOB["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


@pytest.mark.parametrize(("manifest", "name"), MANIFESTS)
def test_the_schema_accepts_the_manifest(manifest: dict[str, Any], name: str) -> None:
    assert complaints(manifest, name) == []


def free_keys(path: tuple[str | int, ...]) -> bool:
    """Tell whether any key is allowed there: labels, quantities, Ray's start parameters."""
    return path[-1:] in {("labels",), ("requests",), ("limits",), ("rayStartParams",)}


@pytest.mark.parametrize(("manifest", "name"), MANIFESTS)
def test_the_schema_refuses_a_typo_anywhere(manifest: dict[str, Any], name: str) -> None:
    tried = [path for path in places(manifest) if not free_keys(path)]
    assert len(tried) >= 4
    for path in tried:
        spoiled = copy.deepcopy(manifest)
        at(spoiled, path)["tpyo"] = "x"
        assert any("tpyo" in complaint for complaint in complaints(spoiled, name)), path


@pytest.mark.parametrize(("manifest", "name"), MANIFESTS)
def test_the_schema_knows_every_field_that_is_used(manifest: dict[str, Any], name: str) -> None:
    """Fields without a schema accept any value; if this fails, run kubernetes_schema.py."""
    for path in places(manifest):
        if free_keys(path):
            continue
        for key in at(manifest, path):
            spoiled = copy.deepcopy(manifest)
            at(spoiled, path)[key] = [{"not": "right"}]
            assert complaints(spoiled, name), f"{(*path, key)} may be anything: schema too old"


@pytest.mark.parametrize(
    ("key", "wrong"),
    [("backoffLimit", "2"), ("submissionMode", "HttpMode"), ("shutdownAfterJobFinishes", "yes")],
)
def test_the_schema_refuses_an_invalid_value(key: str, wrong: object) -> None:
    spoiled = copy.deepcopy(RAYJOB)
    spoiled["spec"][key] = wrong
    assert complaints(spoiled, "RayJob")


def test_resource_quantities_are_valid() -> None:
    for path in places(RAYJOB):
        if path[-1:] in {("requests",), ("limits",)}:
            for name, amount in at(RAYJOB, path).items():
                assert re.fullmatch(QUANTITY, amount), f"{name}: {amount}"


def test_every_pod_mounts_the_shared_folder_and_a_large_dev_shm() -> None:
    for group in groups():
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        claim = volumes[mounts["/shared"]]["persistentVolumeClaim"]["claimName"]
        assert claim == STORAGE["metadata"]["name"]
        memory = volumes[mounts["/dev/shm"]]["emptyDir"]
        assert memory["medium"] == "Memory"
        amount, unit = memory["sizeLimit"][:-2], memory["sizeLimit"][-2:]
        assert int(amount) * UNITS[unit] > int(group["rayStartParams"]["object-store-memory"])
        assert container["resources"]["requests"] == container["resources"]["limits"]
    assert STORAGE["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_head_takes_no_work_and_workers_scale() -> None:
    head, worker = groups()
    assert head["rayStartParams"]["num-cpus"] == head["rayStartParams"]["num-gpus"] == "0"
    assert "nvidia.com/gpu" not in head["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert (worker["minReplicas"], worker["maxReplicas"]) == (0, 8)
    assert worker["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"]
    cluster = RAYJOB["spec"]["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["autoscalerOptions"]["idleTimeoutSeconds"] > 0
    assert cluster["authOptions"] == {"mode": "token"}


def test_the_cluster_is_deleted_and_a_retry_finds_the_run() -> None:
    spec = RAYJOB["spec"]
    assert spec["shutdownAfterJobFinishes"] is True  # else ttlSecondsAfterFinished does nothing
    assert spec["ttlSecondsAfterFinished"] > 0
    assert spec["backoffLimit"] > 0
    words = shlex.split(spec["entrypoint"])
    assert words[words.index("--run-dir") + 1].startswith("/shared/")


def test_the_command_understands_the_entrypoint() -> None:
    understood = understood_options(RAYJOB["spec"]["entrypoint"])
    assert understood["address"] == "auto"
    assert understood["workers"] == groups()[1]["maxReplicas"]
    assert understood["gpus_per_worker"] == 1
