"""The cluster files match their schemas and the options of the script."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import yaml

FOLDER = Path(__file__).parents[2] / "examples" / "cluster"
RAY_SCHEMA = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"
JOB_SCHEMA = Path(__file__).with_name("rayjob_schema.json")


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / name).read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "schema"), [("aws.yaml", RAY_SCHEMA), ("kuberay_job.yaml", JOB_SCHEMA)]
)
def test_files_keep_their_schema(name: str, schema: Path) -> None:
    rules, content = json.loads(schema.read_text()), read(name)
    jsonschema.validate(content, rules)
    first = next(iter(content))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, "no_such_key": 1}, rules)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, first: 1}, rules)


def test_the_head_of_the_ray_cluster_is_one_of_its_node_types() -> None:
    content = read("aws.yaml")
    types = content["available_node_types"]
    assert content["head_node_type"] in types
    assert all(
        kind["max_workers"] <= content["max_workers"]
        for name, kind in types.items()
        if name != content["head_node_type"]
    )


def test_the_pods_mount_what_they_have_and_can_scale() -> None:
    cluster = read("kuberay_job.yaml")["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert all(
            mount["name"] in volumes
            for container in pod["containers"]
            for mount in container["volumeMounts"]
        )
    for group in cluster["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_the_script_takes_the_arguments_that_the_job_gives_it() -> None:
    arguments = shlex.split(read("kuberay_job.yaml")["spec"]["entrypoint"])
    shown = subprocess.run(
        [sys.executable, FOLDER / "search.py", "--help"], capture_output=True, text=True, check=True
    )
    for argument in arguments:
        if argument.startswith("--"):
            assert argument in shown.stdout
