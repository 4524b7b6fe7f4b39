"""An architecture search that runs on a laptop, with Ray's launcher and on KubeRay.

Everything that has to be found from any node lies under --storage: a folder on a laptop, else a
shared file system or a bucket (`s3://...`, `gs://...`; pyarrow reads and writes it). Started again
with the same arguments, the search goes on where it was.
"""

import argparse
import tempfile
from pathlib import Path

import ray
import torch
from ray import tune
from torch import nn

from ray_nas.cluster import resources_for
from ray_nas.searchers import RegularizedEvolution
from ray_nas.spaces import NASBench201

SPACE = NASBench201(channels=8, cells_per_stage=1)
BATCH_SIZE = 64


def train(config):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = SPACE.build(config).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    first = 1
    checkpoint = tune.get_checkpoint()
    if (
        checkpoint is not None
    ):  # another node has died under this trial, or the search was started again
        with checkpoint.as_directory() as folder:
            state = torch.load(Path(folder) / "state.pt", weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["epoch"] + 1
    for epoch in range(first, 4):
        images = torch.rand(BATCH_SIZE, 3, 32, 32, device=device)  # put your data here
        labels = (10 * images.mean((1, 2, 3))).long()
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with tempfile.TemporaryDirectory() as folder:
            state = {
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "epoch": epoch,
            }
            torch.save(state, Path(folder) / "state.pt")
            tune.report(
                {"loss": loss.item(), "epoch": epoch},
                checkpoint=tune.Checkpoint.from_directory(folder),
            )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--storage",
        default=str(Path("~/ray_results").expanduser()),
        help="folder or bucket that every node reaches",
    )
    parser.add_argument("--name", default="search")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument(
        "--gpu-memory", type=float, default=0, help="bytes of one GPU; 0 for CPUs only"
    )
    parser.add_argument("--cpus", type=float, default=1, help="for each trial")
    arguments = parser.parse_args()
    if not ray.is_initialized():
        ray.init()  # joins the cluster that it is started in, else it starts one here
    resources = {"cpu": arguments.cpus}
    if arguments.gpu_memory:
        resources = resources_for(
            SPACE,
            (3, 32, 32),
            BATCH_SIZE,
            arguments.gpu_memory,
            arguments.cpus,
            process_memory=600 * 2**20,
        )
    trainable = tune.with_resources(train, resources)
    folder = f"{arguments.storage}/{arguments.name}"
    if tune.Tuner.can_restore(folder):  # restore only what you trust: these files are pickles
        tuner = tune.Tuner.restore(folder, trainable, resume_unfinished=True)
    else:
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=RegularizedEvolution(
                    SPACE, "loss", "min", population_size=4, tournament_size=2, seed=1
                ),
                num_samples=arguments.trials,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name=arguments.name,
                storage_path=arguments.storage,
                failure_config=tune.FailureConfig(
                    max_failures=3
                ),  # a node that is taken away costs no trial
                checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            ),
        )
    results = tuner.fit()
    print(results.get_best_result("loss", "min").config)


if __name__ == "__main__":
    main()
