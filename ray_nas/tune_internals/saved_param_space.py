"""The `param_space` of a restored experiment, which `Tuner.restore` may be called without.

Tune's own state, beside the searcher's, holds the experiment with its domains; Tune reads that file
just before it restores the searcher. `tests/tune_internals/test_saved_param_space.py` fails when
Ray changes this.
"""

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ray import tune
from ray.tune.search import Searcher, SearchGenerator
from ray.tune.search.sample import Categorical

from ray_nas.state.state_file import StateError
from ray_nas.tune_internals.call_stack import locals_of

_PLACEHOLDERS: Final = ("__fn_ph", "__ref_ph")
"""What Tune saves in place of functions and objects."""


def saved_param_space(folder: Path) -> dict[str, Any]:
    """The saved `param_space`, if Tune is restoring an experiment without one; else empty.

    Args:
        folder: Where Tune's state is, beside the searcher's.

    Raises:
        StateError: It held something that Tune does not save.
    """
    arguments = locals_of(inspect.unwrap(tune.run).__code__)
    if not arguments or arguments.get("config"):
        return {}
    generator = SearchGenerator(_NoSearcher())
    generator.restore_from_dir(str(folder))
    config = generator.get_state()["experiment"].spec.get("config") or {}
    lost = sorted(_placeholders(config))
    if lost:
        raise StateError(
            f"param_space[{lost[0]!r}] is a function or an object, which Tune does not save: pass "
            "the same param_space, Tuner.restore(path, trainable, param_space={...})"
        )
    return dict(config)


class _NoSearcher(Searcher):
    """Stands in for the searcher while the rest of Tune's state is read."""

    def restore_from_dir(self, checkpoint_dir: str) -> None:
        """Restores nothing."""


def _placeholders(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The paths of placeholders, options of a choice included."""
    if isinstance(value, tuple) and value[:1] and value[0] in _PLACEHOLDERS:
        yield ".".join(path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _placeholders(item, (*path, str(key)))
    elif isinstance(value, list | tuple | Categorical):
        items = value.categories if isinstance(value, Categorical) else value
        for index, item in enumerate(items):
            yield from _placeholders(item, (*path, str(index)))
