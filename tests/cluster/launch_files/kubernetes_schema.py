"""Write kubernetes.schema.json: the part of Kubernetes' own schema that our manifests use.

    pip install kubernetes-validate==1.37.0
    python tests/cluster/launch_files/kubernetes_schema.py

Kubernetes' schema is larger than a megabyte. This script keeps only the objects that
cluster/kuberay/*.yaml use, each with the names of all its fields. Fields that the manifests do not
use keep their name alone. Every kept object refuses unknown fields. If a manifest begins to use
another field, the tests ask for this script to be run again.

kubernetes-validate carries the OpenAPI definitions of Kubernetes (Apache License 2.0).
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.launch_files.kuberay_schema import RAY, kubernetes_name

HERE = Path(__file__).parent
MANIFESTS = HERE.parents[2] / "cluster" / "kuberay"
KUBERNETES = "1.34.0"
KEPT = ("type", "required", "enum", "additionalProperties", "oneOf", "anyOf")


class Pruner:
    """Copies the definitions that the values of manifests refer to."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self._full_names: dict[str, str] = {}
        self.kept: dict[str, Any] = {}

    def visit(self, name: str, value: Any) -> None:
        """Keep a definition, and follow the value that should match it."""
        source = self.definitions[name]
        short = kubernetes_name(name)
        if self._full_names.setdefault(short, name) != name:
            raise ValueError(f"{name} and {self._full_names[short]} have the same short name")
        target = self.kept.setdefault(short, {k: source[k] for k in KEPT if k in source})
        if "properties" not in source:
            return
        fields = target.setdefault("properties", {field: {} for field in source["properties"]})
        target["additionalProperties"] = False
        for field, inner in (value or {}).items():
            if field in fields:
                fields[field] = self._shape(source["properties"][field], inner)

    def _shape(self, schema: dict[str, Any], value: Any) -> dict[str, Any]:
        """Return the schema of one value, with references to kept definitions."""
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/$defs/")
            self.visit(name, value)
            return {"$ref": f"#/$defs/{kubernetes_name(name)}"}
        shape = {key: schema[key] for key in KEPT if key in schema}
        if "items" in schema:
            for item in value or [None]:
                shape["items"] = self._shape(schema["items"], item)
        if isinstance(schema.get("additionalProperties"), dict):
            shape["additionalProperties"] = self._shape(schema["additionalProperties"], None)
        return shape


def follow_ray(pruner: Pruner, schema: dict[str, Any], value: Any) -> None:
    """Follow a manifest by Ray's schema down to the objects of Kubernetes."""
    reference = schema.get("$ref", "").removeprefix("#/$defs/")
    if reference in RAY:
        follow_ray(pruner, RAY[reference], value)
    elif reference:
        pruner.visit(full_name(pruner, reference), value)
    elif schema.get("type") == "array":
        for item in value:
            follow_ray(pruner, schema["items"], item)
    else:
        for field, inner in schema.get("properties", {}).items():
            if isinstance(value, dict) and field in value:
                follow_ray(pruner, inner, value[field])


def full_name(pruner: Pruner, short: str) -> str:
    """Return the full name of a definition of core or meta."""
    found = [
        name
        for name in pruner.definitions
        if kubernetes_name(name) == short and (".core.v1." in name or ".meta.v1." in name)
    ]
    (name,) = found
    return name


def main() -> None:
    """Write kubernetes.schema.json anew."""
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{KUBERNETES}-local"
    pruner = Pruner(json.loads((folder / "_definitions.json").read_text())["$defs"])
    follow_ray(pruner, RAY["RayJob"], yaml.safe_load((MANIFESTS / "rayjob.yaml").read_text()))
    claim = yaml.safe_load((MANIFESTS / "storage.yaml").read_text())
    pruner.visit("io.k8s.api.core.v1.PersistentVolumeClaim", claim)
    schema = {
        "$comment": f"From the schema of Kubernetes {KUBERNETES} by kubernetes_schema.py. "
        "Copyright The Kubernetes Authors; Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0",
        "$defs": dict(sorted(pruner.kept.items())),
    }
    (HERE / "kubernetes.schema.json").write_text(json.dumps(schema, indent=1) + "\n")


if __name__ == "__main__":
    main()
