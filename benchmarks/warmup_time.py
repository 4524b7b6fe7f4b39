"""Seconds until `ZeroCostWarmup` proposes its first trial: all candidates, scored as Ray tasks.

    python benchmarks/warmup_time.py --quick    # 50 candidates
    python benchmarks/warmup_time.py            # 1,000: minutes on two cores

The space is NAS-Bench-201 with its CIFAR-10 network, the score `proxies.Aggregate` on a batch of 64
images of noise. The driver's memory is measured before and after. The last line is one JSON object.
"""

import resource
import time

import ray
import torch
from command_line import make_parser, parse, print_result

from ray_nas.estimators.proxies import Aggregate
from ray_nas.searchers import RandomSearch, ZeroCostWarmup
from ray_nas.spaces import NASBench201


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = make_parser(__doc__, quick="50 candidates")
    parser.add_argument("--candidates", type=int, default=1_000)
    parser.add_argument("--num-cpus", type=int, default=2)
    options = parse(parser, candidates=50)
    torch.set_num_threads(1)
    ray.init(address="local", num_cpus=options.num_cpus, include_dashboard=False)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(64, 3, 32, 32, generator=generator)
    labels = torch.randint(10, (64,), generator=generator)
    searcher = ZeroCostWarmup(
        RandomSearch(NASBench201(), "accuracy", "max", seed=0),
        score=Aggregate((images, labels)),
        candidates=options.candidates,
        seed=0,
    )
    before, start = peak_megabytes(), time.perf_counter()
    searcher.suggest("first")
    seconds = time.perf_counter() - start
    print(f"{options.candidates} candidates on {options.num_cpus} cores: {seconds:.0f} s")
    print_result(
        {
            "candidates": options.candidates,
            "num_cpus": options.num_cpus,
            "seconds": round(seconds, 1),
            "driver_megabytes": round(peak_megabytes() - before, 1),
        }
    )


if __name__ == "__main__":
    main()
