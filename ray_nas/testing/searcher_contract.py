"""The contract of every searcher, as tests: subclass it in a test file, and pytest runs them.

    class TestSimulatedAnnealing(SearcherContract):
        def make_searcher(self, space, **arguments):
            return SimulatedAnnealing(space, **arguments)

The tests call the searcher as Tune does, without a Ray runtime; they take seconds.
"""

import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, InCondition
from ray import cloudpickle

from ray_nas import record
from ray_nas.searchers.core.searcher import ArchitectureSearcher
from ray_nas.spaces.core.search_space import Config, SearchSpace
from ray_nas.state import state_file

Running = dict[str, Config]
"""Trial id to config of the trials in flight."""


class SearcherContract:
    """What Tune, restores and other plug-ins rely on, whatever the strategy.

    Override `make_searcher`, and `make_space` for a space of another kind. `is_random` says whether
    another seed gives other proposals.
    """

    is_random = True

    def make_searcher(self, space: SearchSpace, **arguments: Any) -> ArchitectureSearcher:
        """A new searcher on a space.

        Args:
            space: The space.
            arguments: Arguments that every searcher has: metric, mode, seed, repeats, ...
        """
        raise NotImplementedError

    def make_space(self) -> SearchSpace:
        """A space with a condition and 105 configs."""
        space = ConfigurationSpace()
        first = CategoricalHyperparameter("first", ["conv", "pool", "skip", "dense", "gate"])
        second = CategoricalHyperparameter("second", ["conv", "pool", "skip"])
        third = CategoricalHyperparameter("third", ["narrow", "wide", "deep"])
        kernel = CategoricalHyperparameter("kernel", [1, 3, 5])
        space.add(first, second, third, kernel, InCondition(kernel, first, ["conv", "gate"]))
        return SearchSpace(space)

    # The tests.

    def test_same_seed_and_events_give_the_same_proposals(self) -> None:
        """Proposals depend on the seed and the order of events alone."""
        runs = [drive(self._make(), random.Random(0), 0, 40, {}) for _ in range(2)]
        assert runs[0] == runs[1]
        if self.is_random:
            assert drive(self._make(seed=2), random.Random(0), 0, 40, {}) != runs[0]

    def test_proposals_are_valid_and_new(self) -> None:
        """Each proposal is a config of the space, and none is a duplicate."""
        space = self.make_space()
        proposals = drive(self._make(), random.Random(1), 0, 60, {})
        assert len(proposals) == 60
        for config in proposals:
            space.validate(config)
        assert len({space.canonical(config) for config in proposals}) == 60

    def test_a_used_up_space_finishes_the_search(self) -> None:
        """Every config is proposed once, then "FINISHED" is returned."""
        size = self.make_space().size
        assert len(drive(self._make(), random.Random(2), 0, int(size) + 20, {})) == size

    def test_repeats_continue_after_the_end(self) -> None:
        """With `repeats=True` a used-up space is proposed again."""
        size = int(self.make_space().size)
        searcher = self._make(repeats=True)
        assert len(drive(searcher, random.Random(2), 0, size + 20, {})) == size + 20

    def test_many_trials_in_flight_are_all_different(self) -> None:
        """Searchers never wait for results."""
        searcher = self._make()
        configs = [searcher.suggest(f"t{number}") for number in range(64)]
        assert len({json.dumps(config, sort_keys=True) for config in configs}) == 64

    def test_calls_are_idempotent(self) -> None:
        """Repeated and unknown calls change nothing."""
        calm = self._make()
        noisy = self._make()
        for trial_id, config in equal_proposals(calm, noisy, 25):
            assert noisy.suggest(trial_id) == config
            result = {"score": score(config), "training_iteration": 1}
            calm.on_trial_complete(trial_id=trial_id, result=result)
            noisy.on_trial_complete(trial_id=trial_id, result=result)
            noisy.on_trial_complete(trial_id=trial_id, result={"score": 1e9})
            noisy.on_trial_result(trial_id=trial_id, result={"score": 1e9})
            noisy.on_trial_complete(trial_id="unknown", error=True)

    def test_the_last_report_counts_if_none_comes_with_the_end(self) -> None:
        """As when a scheduler stops a trial."""
        passed = self._make()
        reported = self._make()
        for trial_id, config in equal_proposals(passed, reported, 30):
            result = {"score": score(config), "training_iteration": 1}
            for searcher in (passed, reported):
                searcher.on_trial_result(trial_id=trial_id, result=result)
            passed.on_trial_complete(trial_id=trial_id, result=result)
            reported.on_trial_complete(trial_id=trial_id, result=None)

    def test_failures_and_unusable_results_do_not_end_the_search(self) -> None:
        """Errors, NaN, infinities, missing metrics and text are survived."""
        bad = [None, {}, {"score": math.nan}, {"score": math.inf}, {"score": "none"}]
        searcher = self._make()
        for number in range(30):
            assert isinstance(searcher.suggest(f"t{number}"), dict)
            result = bad[number % len(bad)]
            searcher.on_trial_complete(trial_id=f"t{number}", result=result, error=number % 2 == 0)

    def test_minimising_is_maximising_the_negative(self) -> None:
        """The mode changes the sign and nothing else."""
        up = self._make()
        down = self._make(mode="min")
        for trial_id, config in equal_proposals(up, down, 30):
            up.on_trial_complete(trial_id=trial_id, result={"score": score(config)})
            down.on_trial_complete(trial_id=trial_id, result={"score": -score(config)})

    def test_a_restored_search_continues_unchanged(self, tmp_path: Path) -> None:
        """It makes the same proposals and writes the same record as one never interrupted."""
        for cut in (0, 7, 23):
            folder = tmp_path / str(cut)
            folder.mkdir()
            straight = self._make()
            running: Running = {}
            order = random.Random(3)
            drive(straight, order, 0, cut, running)
            straight.save(str(folder / "state.json"))
            restored = self._make(seed=77)
            restored.restore(str(folder / "state.json"))
            expected = drive(straight, copy_of(order), cut, 36, dict(running))
            assert drive(restored, order, cut, 36, dict(running)) == expected

    def test_the_state_is_json(self) -> None:
        """Tuples and other objects would not survive the state file."""
        searcher = self._make()
        drive(searcher, random.Random(1), 0, 30, {})
        state = searcher._get_state()
        assert json.loads(json.dumps(state)) == state

    def test_a_damaged_state_is_refused(self, tmp_path: Path) -> None:
        """By an error that every later call raises again."""
        path = tmp_path / "state.json"
        self._make().save(str(path))
        path.write_text(path.read_text()[:-20])
        searcher = self._make()
        assert is_refused(lambda: searcher.restore(str(path)))
        assert is_refused(lambda: searcher.suggest("t0"))

    def test_pickling_keeps_the_search(self) -> None:
        """Tune pickles the searcher when a `Tuner` is made."""
        searcher = self._make()
        running: Running = {}
        order = random.Random(5)
        drive(searcher, order, 0, 15, running)
        pickled = cloudpickle.dumps(searcher)  # type: ignore[no-untyped-call]  # as Tune does
        clone = cloudpickle.loads(pickled)
        expected = drive(clone, copy_of(order), 15, 25, dict(running))
        assert drive(searcher, order, 15, 25, running) == expected

    def test_limits_on_costs_are_kept(self) -> None:
        """Costs are checked before a config is proposed."""

        def costs(config: dict[str, Any]) -> dict[str, float]:
            return {"convolutions": sum(value == "conv" for value in config.values())}

        searcher = self._make(costs=costs, constraints={"convolutions": (1, None)})
        for config in drive(searcher, random.Random(6), 0, 30, {}):
            assert costs(config)["convolutions"] >= 1

    def test_the_baseline_comes_first(self, tmp_path: Path) -> None:
        """It is the first trial, and the record says which one it is."""
        baseline = self.make_space().sample(random_state=3)
        searcher = self._make(baseline=baseline)
        assert drive(searcher, random.Random(8), 0, 20, {})[0] == baseline
        searcher.save(str(tmp_path / "state.json"))
        found = record.load(tmp_path).baseline
        assert found is not None
        assert found.config == baseline

    def test_the_record_names_every_trial_and_its_parents(self, tmp_path: Path) -> None:
        """Parents are earlier trials."""
        searcher = self._make()
        drive(searcher, random.Random(7), 0, 40, {})
        searcher.save(str(tmp_path / "state.json"))
        earlier: set[str] = set()
        for trial in record.load(tmp_path).trials.values():
            assert set(trial.parents) <= earlier
            earlier.add(trial.trial_id)
        assert len(earlier) == 40

    def _make(self, **arguments: Any) -> ArchitectureSearcher:
        defaults = {"metric": "score", "mode": "max", "seed": 1}
        return self.make_searcher(self.make_space(), **{**defaults, **arguments})


def score(config: Any) -> float:
    """A fixed value of a config, in [0, 1), which neighbours do not share."""
    return random.Random(json.dumps(config, sort_keys=True)).random()


def equal_proposals(
    first: ArchitectureSearcher, second: ArchitectureSearcher, number: int
) -> Iterator[tuple[str, Any]]:
    """Asks two searchers for trials, whose configs must be equal: yields trial id and config."""
    for trial_id in (f"t{index}" for index in range(number)):
        config = first.suggest(trial_id)
        assert second.suggest(trial_id) == config
        yield trial_id, config


def drive(
    searcher: ArchitectureSearcher,
    order: random.Random,
    first: int,
    last: int,
    running: Running,
) -> list[Config]:
    """Proposes trials `first` to `last`, and ends some of those in flight after each.

    Args:
        searcher: The searcher.
        order: Draws which trials end, and how.
        first: Number of the first trial.
        last: Number after the last trial.
        running: The trials in flight; changed in place.

    Returns:
        The proposals, up to "FINISHED".
    """
    proposals: list[Config] = []
    for number in range(first, last):
        config = searcher.suggest(f"t{number}")
        if not isinstance(config, dict):
            break
        proposals.append(config)
        running[f"t{number}"] = config
        while len(running) > order.randrange(4):
            trial_id = order.choice(sorted(running))
            end(searcher, trial_id, running.pop(trial_id), order)
    return proposals


def end(
    searcher: ArchitectureSearcher, trial_id: str, config: Config, order: random.Random
) -> None:
    """Ends a trial: one in ten fails, one in ten reports NaN, the others report twice."""
    luck = order.random()
    if luck < 0.1:
        searcher.on_trial_complete(trial_id=trial_id, error=True)
        return
    if luck < 0.2:
        result = {"score": math.nan, "training_iteration": 1}
        searcher.on_trial_complete(trial_id=trial_id, result=result)
        return
    report = {"score": score(config) - 1, "training_iteration": 1}
    searcher.on_trial_result(trial_id=trial_id, result=report)
    result = {"score": score(config), "training_iteration": 2}
    searcher.on_trial_complete(trial_id=trial_id, result=result)


def is_refused(call: Callable[[], object]) -> bool:
    """Whether a call raises a `StateError`."""
    try:
        call()
    except state_file.StateError:
        return True
    return False


def copy_of(order: random.Random) -> random.Random:
    """A generator that draws the same from here on."""
    clone = random.Random()
    clone.setstate(order.getstate())
    return clone
