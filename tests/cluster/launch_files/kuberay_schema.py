"""Schema of a RayJob, which refuses manifests with unknown fields.

Names and types are those of KubeRay 1.6.2. They come from its API reference, which is generated
from the same types as its CRD (ray-project/kuberay, docs/reference/api.md; Apache License 2.0). The
CRD itself is a megabyte, mostly three copies of Kubernetes' pod template. Here these parts refer to
kubernetes.schema.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}


def object_of(required: tuple[str, ...] = (), /, **fields: Schema) -> Schema:
    """Return the schema of an object with these fields and no others."""
    return {
        "type": "object",
        "properties": fields,
        "required": list(required),
        "additionalProperties": False,
    }


def list_of(items: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": items}


def one_of(*texts: str) -> Schema:
    """Return the schema of a text that is one of several."""
    return {"type": "string", "enum": list(texts)}


def ref(name: str) -> Schema:
    """Refer to a definition of this file or of Kubernetes."""
    return {"$ref": f"#/$defs/{name}"}


def kubernetes_name(full: str) -> str:
    """Shorten a name: io.k8s.api.core.v1.PodSpec to PodSpec."""
    return full.rpartition(".")[2]


DELETION = one_of("DeleteCluster", "DeleteWorkers", "DeleteSelf", "DeleteNone")
MANAGER = one_of("ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue")

RAY: dict[str, Schema] = {
    "RayJob": object_of(
        ("apiVersion", "kind", "metadata", "spec"),
        apiVersion=one_of("ray.io/v1"),
        kind=one_of("RayJob"),
        metadata=ref("ObjectMeta"),
        spec=ref("RayJobSpec"),
    ),
    "RayJobSpec": object_of(
        activeDeadlineSeconds=WHOLE,
        backoffLimit=WHOLE,
        rayClusterSpec=ref("RayClusterSpec"),
        submitterPodTemplate=ref("PodTemplateSpec"),
        metadata=TEXTS,
        clusterSelector=TEXTS,
        submitterConfig=object_of(backoffLimit=WHOLE),
        managedBy=MANAGER,
        deletionStrategy=ref("DeletionStrategy"),
        entrypoint=TEXT,
        runtimeEnvYAML=TEXT,
        jobId=TEXT,
        submissionMode=one_of("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
        entrypointResources=TEXT,
        entrypointNumCpus=NUMBER,
        entrypointNumGpus=NUMBER,
        ttlSecondsAfterFinished=WHOLE,
        preRunningDeadlineSeconds={"type": "integer", "minimum": 1},
        shutdownAfterJobFinishes=FLAG,
        suspend=FLAG,
    ),
    "DeletionStrategy": object_of(
        onSuccess=object_of(policy=DELETION),
        onFailure=object_of(policy=DELETION),
        deletionRules=list_of(
            object_of(
                ("policy", "condition"),
                policy=DELETION,
                condition=object_of(
                    ttlSeconds={"type": "integer", "minimum": 0},
                    jobStatus=TEXT,
                    jobDeploymentStatus=TEXT,
                ),
            )
        ),
    ),
    "RayClusterSpec": object_of(
        ("headGroupSpec",),
        upgradeStrategy=object_of(type=one_of("Recreate", "None")),
        authOptions=object_of(
            mode=one_of("disabled", "token"), secretName=TEXT, enableK8sTokenAuth=FLAG
        ),
        suspend=FLAG,
        managedBy=MANAGER,
        autoscalerOptions=ref("AutoscalerOptions"),
        headServiceAnnotations=TEXTS,
        enableInTreeAutoscaling=FLAG,
        gcsFaultToleranceOptions={"type": "object"},
        headGroupSpec=ref("HeadGroupSpec"),
        rayVersion=TEXT,
        workerGroupSpecs=list_of(ref("WorkerGroupSpec")),
    ),
    "AutoscalerOptions": object_of(
        resources=ref("ResourceRequirements"),
        image=TEXT,
        imagePullPolicy=TEXT,
        securityContext={"type": "object"},
        idleTimeoutSeconds=WHOLE,
        upscalingMode=one_of("Default", "Aggressive", "Conservative"),
        version=one_of("v1", "v2"),
        env=list_of({"type": "object"}),
        envFrom=list_of({"type": "object"}),
        volumeMounts=list_of(ref("VolumeMount")),
    ),
    "HeadGroupSpec": object_of(
        ("rayStartParams", "template"),
        template=ref("PodTemplateSpec"),
        headService={"type": "object"},
        enableIngress=FLAG,
        resources=TEXTS,
        labels=TEXTS,
        rayStartParams=TEXTS,
        serviceType=one_of("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
    ),
    "WorkerGroupSpec": object_of(
        ("groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"),
        suspend=FLAG,
        groupName=TEXT,
        replicas=WHOLE,
        minReplicas=WHOLE,
        maxReplicas=WHOLE,
        idleTimeoutSeconds=WHOLE,
        resources=TEXTS,
        labels=TEXTS,
        rayStartParams=TEXTS,
        template=ref("PodTemplateSpec"),
        scaleStrategy=object_of(workersToDelete=list_of(TEXT)),
        numOfHosts=WHOLE,
    ),
}


def schema_of(name: str) -> Schema:
    """Return the whole JSON schema of RayJob or of one of Kubernetes' objects."""
    kubernetes = json.loads((Path(__file__).parent / "kubernetes.schema.json").read_text())
    return {**ref(name), "$defs": {**kubernetes["$defs"], **RAY}}
