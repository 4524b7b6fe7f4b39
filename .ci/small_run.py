"""Installs the package for one Python, checks it, and runs one real search.

    python3.12 .ci/small_run.py            # newest versions of all that it needs
    python3.11 .ci/small_run.py --lowest   # the oldest versions that pyproject.toml allows
    python3 .ci/small_run.py --system-torch   # the torch that this Python has, say Debian's

Without --system-torch, torch is the one of constraints.txt.
"""

import argparse
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("hypothesis", "pytest", "pytest-timeout")
TESTS = (
    "tests/searchers/test_contract.py",
    "tests/spaces/core",
    "tests/schedulers/core",
    "tests/record",
)
CHOSEN = "RandomSearch or RegularizedEvolution or core or record"
"""A small part of the contract suite, and what needs no other packages."""
IMPORT = "import ray_nas.cli, ray_nas.export, ray_nas.report, ray_nas.sharing, ray_nas.simulation"
SEARCH = """
import torch
from ray import tune
from ray_nas.schedulers import LearningCurveASHA
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import MLPSpace

space = MLPSpace(8, 1, max_layers=2, widths=(8, 16))


def train(config):
    torch.manual_seed(0)
    network, x = space.build(config), torch.rand(64, 8)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for epoch in range(1, 4):
        loss = (network(x) - x.prod(1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tune.report({"loss": loss.item(), "epoch": epoch})


tuner = tune.Tuner(
    train,
    tune_config=tune.TuneConfig(
        search_alg=RegularizedEvolution(space, metric="loss", mode="min", seed=0),
        scheduler=LearningCurveASHA(time_attr="epoch", metric="loss", mode="min", max_t=3),
        num_samples=4,
    ),
)
results = tuner.fit()
assert len(results) == 4 and results.num_errors == 0
print("searched", results.get_best_result("loss", "min").config)
"""


def lowest() -> list[str]:
    """The dependencies in pyproject.toml at their lower bounds, but torch."""
    section = re.search(r"^dependencies = \[\n(.*?)^\]", _read("pyproject.toml"), re.M | re.S)
    assert section
    names = re.findall(r'^    "([^">]+)>=([^"]+)"', section[1], re.M)
    return [f"{name}=={version}" for name, version in names if name != "torch"]


def _read(name: str) -> str:
    return (ROOT / name).read_text()


def _run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> None:
    print("+", *(str(part)[:60].strip().split("\n")[0] for part in command), flush=True)
    settings = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    subprocess.run([str(part) for part in command], check=True, cwd=cwd, env=settings)


def main() -> None:
    """Environment, install, import, contract, search."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lowest", action="store_true", help="oldest versions but of torch")
    parser.add_argument(
        "--system-torch", action="store_true", help="take the torch that this Python has"
    )
    parser.add_argument("--folder", type=Path, help="of the environment (default: in build/)")
    options = parser.parse_args()
    version = "{}.{}".format(*sys.version_info)
    name = f"python{version}{'-lowest' if options.lowest else ''}"
    folder = options.folder or ROOT / "build" / name
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True, system_site_packages=options.system_torch)
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    torch = re.search(r"^torch==.*$", _read("constraints.txt"), re.M)
    assert torch
    if not options.system_torch:
        _run(*install, torch[0])
    _run(*install, *(lowest() if options.lowest else ()), ".", *TOOLS)
    _run(python, "-c", IMPORT, cwd=folder)  # elsewhere, so that the installed package is meant
    quiet = ("-q", "--disable-warnings", "-o", "filterwarnings=default")  # of other versions
    _run(folder / "bin" / "pytest", *quiet, *TESTS, "-k", CHOSEN)
    _run(python, "-c", SEARCH, cwd=folder, RAY_AIR_NEW_OUTPUT="0")


if __name__ == "__main__":
    main()
