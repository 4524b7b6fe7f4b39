"""Zero-cost proxies on NAS-Bench-201: published values, accuracy, time and memory.

    python benchmarks/proxies.py --table zero_cost.csv.gz --accuracy nasbench201.csv.gz --quick

Cells are drawn at random from all 15,625; each is the benchmark's CIFAR-10 network, freshly
initialised (seed 0), and scored on one batch of 64 standard normal images with random labels, seed
0. Prints

- agreement with the values that NAS-Bench-Suite-Zero published for the same cells (Krishnakumar et
  al., 2022, computed on CIFAR-10 images), for the drawn cells that are in `--table`;
- rank correlation with CIFAR-10 test accuracy, beside parameters and FLOPs, once on all drawn cells
  and once on those in the table. On the latter the published values' own correlation stands beside
  it; on all cells those of table 1 of Tybl & Neumann (2025, https://arxiv.org/abs/2502.04975),
  which are over all 15,625;
- milliseconds per network on one core, with the share of them that the process had the core;
- growth of the process's memory over many networks.

Intervals are 95 %, by bootstrap over cells. AZ-NAS and TE-NAS are ranked as in their papers, by
sums of (log-)ranks over the drawn cells. Slow proxies score fewer cells, the first of the same
order. With `--photographs` the images are patches of two photographs. Scores go into the file
`--cache` one by one, so that an interrupted run can continue; other scripts may read it.
"""

import csv
import resource
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from command_line import add_cache, make_parser, parse, print_result
from intervals import format_interval
from numpy.typing import NDArray
from rankings import interval
from scipy.stats import kendalltau, rankdata, spearmanr
from sklearn.datasets import load_sample_images

from ray_nas.estimators import proxies
from ray_nas.spaces import NASBench201
from ray_nas.trials.seeding import seeded

Vector = NDArray[np.float64]
FAST = (
    *("params", "flops", "l2_norm", "naswot", "jacov", "synflow", "epe_nas", "snip", "fisher"),
    *("grad_norm", "zen", "zico", "az_expressivity", "az_progressivity", "az_trainability"),
    *("az_complexity", "az_nas"),
)
SLOW = ("grasp", "vkdnw", "vkdnw_entropy")
SLOWEST = ("te_nas_ntk", "te_nas_regions")
GROUPS = (
    *(("params",), ("flops",), ("naswot",), ("synflow",), ("jacov",), ("l2_norm",), ("zen",)),
    *(("snip",), ("grad_norm",), ("fisher",), ("zico",), ("epe_nas",)),
    ("az_nas", "az_expressivity", "az_progressivity", "az_trainability", "az_complexity"),
    *(("grasp",), ("vkdnw", "vkdnw_entropy"), ("te_nas_ntk", "te_nas_regions")),
)
"""Proxies that one call computes."""
COLUMNS = {name: name for name in FAST[:12] + SLOW[:1]} | {"naswot": "nwot"}
COLUMNS.pop("zico", None)
"""Columns of the published table."""
BARS = {"params": 1.0, "flops": 1.0, "synflow": 0.98, "naswot": 0.9, "l2_norm": 0.9, "zen": 0.9}
"""Least agreement with the published values; .6 for proxies that depend on data."""
PUBLISHED = {
    "flops": (0.623, 0.799),
    "snip": (0.431, 0.591),
    "grasp": (0.352, 0.505),
    "synflow": (0.561, 0.758),
    "jacov": (0.616, 0.800),
    "naswot": (0.571, 0.762),
    "zen": (0.102, 0.103),
    "zico": (0.607, 0.802),
    "TE-NAS": (0.536, 0.722),
    "AZ-NAS": (0.712, 0.892),
}
"""Kendall's tau and Spearman's rho with test accuracy over all cells, as published."""


def scored_batch() -> tuple[torch.Tensor, torch.Tensor]:
    """64 standard normal images and labels."""
    rng = torch.Generator().manual_seed(0)
    return torch.randn(64, 3, 32, 32, generator=rng), torch.randint(10, (64,), generator=rng)


def photograph_batch() -> tuple[torch.Tensor, torch.Tensor]:
    """64 patches of scikit-learn's two photographs at several scales, normalised; random labels."""
    rng = torch.Generator().manual_seed(0)
    photographs = [torch.tensor(image).movedim(-1, 0) for image in load_sample_images().images]
    patches = []
    for number in range(64):
        photograph, scale = photographs[number % 2], int(torch.randint(1, 5, (), generator=rng))
        top, left = (
            int(torch.randint(length - 32 * scale, (), generator=rng))
            for length in photograph.shape[1:]
        )
        patch = photograph[:, top : top + 32 * scale, left : left + 32 * scale]
        patches.append(torch.nn.functional.avg_pool2d(patch.float(), scale))
    images = torch.stack(patches)
    images -= images.mean((0, 2, 3), keepdim=True)
    return images / images.std((0, 2, 3), keepdim=True), scored_batch()[1]


class Scores:
    """Values by cell and proxy, read from and appended to a CSV file."""

    def __init__(self, path: Path | None, has_photographs: bool = False) -> None:
        self._space, self._path = NASBench201(), path
        self._batch = photograph_batch() if has_photographs else scored_batch()
        self._values: dict[tuple[str, str], float] = {}
        if path is not None and path.exists():
            with path.open() as file:
                for row in csv.DictReader(file):
                    self._values[row["arch"], row["proxy"]] = float(row["value"])
        elif path is not None:
            path.write_text("arch,proxy,value\n")

    def get(self, arch: str, name: str) -> float | None:
        """A value that was scored earlier."""
        return self._values.get((arch, name))

    def score(self, arch: str, names: Sequence[str]) -> None:
        """Scores what is missing of a cell."""
        missing = [name for name in names if (arch, name) not in self._values]
        if not missing:
            return
        values = score(self._space, arch, missing, self._batch)
        self._values |= {(arch, name): value for name, value in values.items()}
        if self._path is not None:
            with self._path.open("a") as file:
                file.writelines(f"{arch},{name},{value!r}\n" for name, value in values.items())

    def column(self, archs: Sequence[str], name: str) -> Vector:
        """The values of some cells; one that is not a number counts as the worst."""
        values = np.array([self._values[arch, name] for arch in archs])
        return np.where(np.isnan(values), -np.inf, values)


def score(
    space: NASBench201, arch: str, names: Sequence[str], batch: tuple[Any, Any]
) -> dict[str, float]:
    """Scores a freshly initialised network."""
    with seeded(0):
        network = space.build(space.from_arch_str(arch))
    return proxies.score(network, names, batch, rng=torch.Generator().manual_seed(0))


def all_cells() -> list[str]:
    """All cells in a random order that does not depend on the tables."""
    space = NASBench201()
    archs = sorted(space.to_arch_str(config) for config in space.grid())
    return [archs[index] for index in np.random.default_rng(0).permutation(len(archs))]


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, gzipped or not."""
    return pd.read_csv(path, dtype=str).to_dict("records")


def spearman(first: Vector, second: Vector) -> float:
    """Spearman's rank correlation."""
    return float(spearmanr(first, second)[0])


def kendall(first: Vector, second: Vector) -> float:
    """Kendall's tau-b."""
    return float(kendalltau(first, second)[0])


def with_interval(statistic: Any, values: Vector, truth: Vector, draws: int) -> list[float]:
    """A rank correlation and the ends of its interval over cells."""
    found = interval(lambda drawn, index: statistic(drawn, truth[index]), [values], draws)
    return [round(number, 4) for number in found]


def ranking_columns(scores: Scores, archs: Sequence[str]) -> dict[str, Vector]:
    """Every proxy's values of the cells, and the rank sums of AZ-NAS and TE-NAS.

    Left out are proxies that have not scored all of the cells.
    """
    columns = {
        name: scores.column(archs, name)
        for name in (*FAST, *SLOW, *SLOWEST)
        if all(scores.get(arch, name) is not None for arch in archs)
    }
    terms = [name for name in FAST if name.startswith("az_") and name != "az_nas"]
    if all(term in columns for term in terms):
        ranks = [np.log(rankdata(columns[term]) / len(archs)) for term in terms]
        columns["AZ-NAS"] = np.sum(ranks, axis=0)
    if all(term in columns for term in SLOWEST):
        columns["TE-NAS"] = np.sum([rankdata(columns[term]) for term in SLOWEST], axis=0)
    return columns


def show_agreement(
    scores: Scores, archs: Sequence[str], table: Mapping[str, Mapping[str, str]], draws: int
) -> dict[str, Any]:
    """Prints and returns the agreement with the published values by proxy."""
    print("\nagreement with the published values (Spearman), cells of the table\n")
    print("| proxy | cells | Spearman | bar | |\n|---|---|---|---|---|")
    results: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        drawn = [arch for arch in archs if arch in table and scores.get(arch, name) is not None]
        if len(drawn) < 10:
            continue
        published = np.array([float(table[arch][column]) for arch in drawn])
        found = with_interval(spearman, scores.column(drawn, name), published, draws)
        bar = BARS.get(name, 0.6)
        verdict = "met" if round(found[0], 3) >= bar else "missed"
        print(f"| {name} | {len(drawn)} | {format_interval(*found)} | {bar} | {verdict} |")
        results[name] = {
            "cells": len(drawn),
            "spearman": found,
            "bar": bar,
            "met": verdict == "met",
        }
    return results


def show_accuracy(
    title: str,
    columns: Mapping[str, Vector],
    accuracy: Vector,
    published: Mapping[str, tuple[float, float]],
    draws: int,
) -> dict[str, Any]:
    """Prints and returns rank correlations with accuracy by proxy, beside published ones."""
    print(f"\nrank correlation with test accuracy: {title}, {len(accuracy)} cells\n")
    print("| proxy | Kendall | Spearman | published Kendall, Spearman | within .04 |")
    print("|---|---|---|---|---|")
    results: dict[str, Any] = {"cells": len(accuracy)}
    for name, values in columns.items():
        tau = with_interval(kendall, values, accuracy, draws)
        rho = with_interval(spearman, values, accuracy, draws)
        results[name] = {"kendall": tau, "spearman": rho}
        beside, is_near = "", ""
        if name in published:
            beside = "{:.3f}, {:.3f}".format(*published[name])
            difference = rho[0] - published[name][1]
            is_near = f"{'yes' if abs(difference) <= 0.04 else 'no'} ({difference:+.3f})"
            results[name] |= {"published": published[name], "difference": round(difference, 4)}
        print(
            f"| {name} | {format_interval(*tau)} | {format_interval(*rho)} | {beside} | {is_near} |"
        )
    return results


def published_correlations(
    archs: Sequence[str], table: Mapping[str, Mapping[str, str]], accuracy: Vector
) -> dict[str, tuple[float, float]]:
    """Kendall's tau and Spearman's rho of the published values on these cells."""
    found = {}
    for name, column in COLUMNS.items():
        values = np.array([float(table[arch][column]) for arch in archs])
        found[name] = (kendall(values, accuracy), spearman(values, accuracy))
    return found


def show_time(archs: Sequence[str], groups: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Prints and returns milliseconds per network by proxy, medians over cells."""
    print(f"\nmilliseconds per network, one core, batch 64, medians over {len(archs)} cells\n")
    print("| proxy | wall | of the process | bar |\n|---|---|---|---|")
    space, batch, results = NASBench201(), scored_batch(), {}
    for names in ((), *groups):
        wall, processor = [], []
        is_fast = not names or names[0] in FAST
        for arch in islice(archs, len(archs) if is_fast else max(2, len(archs) // 8)):
            network = space.build(space.from_arch_str(arch))
            starts = time.perf_counter(), time.process_time()
            if names:
                proxies.score(network, names, batch, rng=torch.Generator().manual_seed(0))
            else:
                with torch.no_grad():
                    network(batch[0])
            wall.append(1e3 * (time.perf_counter() - starts[0]))
            processor.append(1e3 * (time.process_time() - starts[1]))
        medians = [round(statistics.median(times), 1) for times in (wall, processor)]
        name = names[0] if names else "forward pass alone"
        bar = 150 if name in ("synflow", "naswot", "jacov") else ""
        print(f"| {name} | {medians[0]} | {medians[1]} | {bar} |", flush=True)
        results[name] = {"wall_ms": medians[0], "process_ms": medians[1]}
    return results


def memory_growth(archs: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """Peak memory after the first tenth of the networks and after all, in MB."""
    space, batch = NASBench201(channels=4), scored_batch()
    peaks = []
    for number, arch in enumerate(archs, start=1):
        score(space, arch, names, batch)
        if number in (max(len(archs) // 10, 1), len(archs)):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    growth = {"networks": len(archs), "mb_first": round(peaks[0]), "mb_last": round(peaks[-1])}
    print(f"\npeak memory: {growth}", flush=True)
    return growth


def fill(scores: Scores, archs: Sequence[str], names: Sequence[str]) -> None:
    """Scores the cells, and shows progress."""
    started = time.monotonic()
    for number, arch in enumerate(archs, start=1):
        scores.score(arch, names)
        seconds = time.monotonic() - started
        print(
            f"\r{names[0]}, ...: {number} of {len(archs)}, {seconds:.0f} s", end="", file=sys.stderr
        )
    print(file=sys.stderr)


def subsets(
    scores: Scores, archs: Sequence[str], counts: Sequence[int]
) -> Iterator[tuple[list[str], dict[str, Vector]]]:
    """The cells that fast, slow and slowest proxies have scored, and the columns new to each."""
    seen: set[str] = set()
    for count in dict.fromkeys(counts):
        drawn = list(archs[:count])
        columns = ranking_columns(scores, drawn)
        kept = {
            name: values
            for name, values in columns.items()
            if name not in seen or name in ("params", "flops")
        }
        seen |= set(columns)
        if drawn and set(kept) - {"params", "flops"}:
            yield drawn, kept


def main() -> None:
    """Scores, compares and prints."""
    torch.set_num_threads(1)
    parser = make_parser(__doc__, quick="few cells: minutes on two cores")
    parser.add_argument("--table", type=Path, required=True, help="published values by arch_idx")
    parser.add_argument(
        "--accuracy", type=Path, required=True, help="arch_idx, arch_str and test_acc_200ep"
    )
    parser.add_argument("--cells", type=int, default=830, help="cells for the fast proxies")
    parser.add_argument("--slow-cells", type=int, default=200, help="cells for grasp and vkdnw")
    parser.add_argument("--slowest-cells", type=int, default=60, help="cells for te_nas")
    parser.add_argument("--timed-cells", type=int, default=40, help="cells whose scoring is timed")
    parser.add_argument("--memory-networks", type=int, default=200, help="networks for memory")
    parser.add_argument("--draws", type=int, default=500, help="bootstrap resamples")
    parser.add_argument(
        "--photographs", action="store_true", help="patches of photographs in place of noise"
    )
    parser.add_argument("--no-scoring", action="store_true", help="use the cache alone")
    add_cache(parser)
    options = parse(
        parser,
        cells=40,
        slow_cells=6,
        slowest_cells=2,
        timed_cells=4,
        memory_networks=20,
        draws=100,
    )
    accuracies = read_table(options.accuracy)
    archs_by_index = {row["arch_idx"]: row["arch_str"] for row in accuracies}
    accuracy = {row["arch_str"]: float(row["test_acc_200ep"]) for row in accuracies}
    table = {archs_by_index[row["arch_idx"]]: row for row in read_table(options.table)}
    scores, archs = Scores(options.cache, options.photographs), all_cells()
    counts = [options.cells, options.slow_cells, options.slowest_cells]
    if not options.no_scoring:
        for count, names in zip(counts, (FAST, SLOW, SLOWEST), strict=True):
            fill(scores, archs[:count], names)
    # An interrupted run has scored the first cells of the order.
    reached = [
        next((place for place in range(count) if any(_missing(scores, archs[place], names))), count)
        for count, names in zip(counts, (FAST, SLOW, SLOWEST), strict=True)
    ]
    result: dict[str, Any] = {"cells": dict(zip(("fast", "slow", "slowest"), reached, strict=True))}
    result["agreement"] = show_agreement(scores, archs[: max(reached)], table, options.draws)
    result["accuracy_all_cells"], result["accuracy_table_cells"] = [], []
    for drawn, columns in subsets(scores, archs, reached):
        truth = np.array([accuracy[arch] for arch in drawn])
        result["accuracy_all_cells"].append(
            show_accuracy("random of all 15,625", columns, truth, PUBLISHED, options.draws)
        )
        inside = np.array([arch in table for arch in drawn])
        cells = [arch for arch in drawn if arch in table]
        if len(cells) > 1:
            published = published_correlations(cells, table, truth[inside])
            kept = ranking_columns(scores, cells)
            kept = {name: kept[name] for name in columns}
            result["accuracy_table_cells"].append(
                show_accuracy("those in the table", kept, truth[inside], published, options.draws)
            )
    if options.timed_cells:
        result["milliseconds"] = show_time(archs[: options.timed_cells], GROUPS)
    if options.memory_networks:
        names = [name for names in GROUPS[:-3] for name in names]
        result["memory"] = memory_growth(archs[: options.memory_networks], names)
    print_result(result)


def _missing(scores: Scores, arch: str, names: Sequence[str]) -> Iterator[bool]:
    return (scores.get(arch, name) is None for name in names)


if __name__ == "__main__":
    main()
