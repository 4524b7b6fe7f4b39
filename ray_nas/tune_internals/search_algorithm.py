"""Where a scheduler's state is saved: with the searcher, else in a file beside Tune's snapshot.

Tune saves trials and searcher together every few seconds, and never the scheduler (ray issue
30838). A searcher of this package saves the scheduler's state with its own. With any other search
algorithm the state goes into a file of the same snapshot: the algorithm's public `save_to_dir`,
which Tune calls with the folder and the session's name, is wrapped. Tune copies `*.json` back from
an experiment's folder before it adds the first restored trial.

This file relies on `tune_controller.search_alg`, `SearchAlgorithm.save_to_dir(dirpath,
session_str=...)`, the attribute `searcher` of wrappers, and `Trial.local_experiment_path`.
`tests/tune_internals/test_search_algorithm.py` fails when Ray changes them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ray_nas.state import state_file
from ray_nas.state.attached_state import State

FILE_TEMPLATE: Final = "scheduler-state-{}.json"


def innermost_searcher(search_alg: Any) -> Any:
    """The searcher inside Tune's generator and limiters; the search algorithm if it has none."""
    while hasattr(search_alg, "searcher"):
        search_alg = search_alg.searcher
    return search_alg


def attach(
    search_alg: Any,
    trial: Any,
    name: str,
    get_state: Callable[[], State],
    set_state: Callable[[State], None],
) -> None:
    """Saves the state at each of Tune's snapshots; after a restore, passes the saved one on.

    Args:
        search_alg: The controller's search algorithm.
        trial: Any trial of the experiment, for its folder.
        name: The scheduler's class name.
        get_state: Returns JSON values.
        set_state: Receives them.

    Raises:
        StateError: The saved state is damaged, or belongs to another scheduler.
    """
    searcher = innermost_searcher(search_alg)
    if hasattr(searcher, "attach_state"):
        searcher.attach_state(name, get_state, set_state)
        return
    folder = getattr(trial, "local_experiment_path", None)
    if folder is None or not hasattr(search_alg, "save_to_dir"):
        return  # driven without Tune: the caller keeps the state
    save_algorithm = search_alg.save_to_dir

    def save_to_dir(dirpath: str, session_str: str = "default", **more: Any) -> None:
        save_algorithm(dirpath, session_str=session_str, **more)
        path = Path(dirpath) / FILE_TEMPLATE.format(session_str)
        state_file.write(path, {"scheduler": name, "state": get_state()})

    search_alg.save_to_dir = save_to_dir
    newest = max(Path(folder).glob(FILE_TEMPLATE.format("*")), default=None)  # named by time
    if newest is not None:
        saved = state_file.read(newest)
        if saved["scheduler"] != name:
            raise state_file.StateError(
                f"{newest} is the state of a {saved['scheduler']}, not of a {name}"
            )
        set_state(saved["state"])
