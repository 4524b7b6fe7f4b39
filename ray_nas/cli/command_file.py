"""What `ray-nas search` was started with: a file in the experiment's folder, for later commands.

It is JSON with names, no objects; what they name is imported from the user's own modules.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ray_nas.cli.references import load_object
from ray_nas.cli.terminal import fail, user_errors
from ray_nas.record import files

_NAME: Final = "ray_nas_command.json"


@dataclass(frozen=True)
class Command:
    """The arguments that a restore needs."""

    folder: str
    """Where the command was started."""
    space: str
    """MODULE:NAME."""
    trainable: str
    """MODULE:NAME."""
    resources: str
    """Of one trial, as NAME=AMOUNT,..."""

    @classmethod
    def here(cls, space: str, trainable: str, resources: str) -> "Command":
        """The command as it is typed in this folder."""
        return cls(os.getcwd(), _absolute(space), _absolute(trainable), resources)

    def write(self, place: str) -> None:
        """Writes the file into an experiment's folder, a path or a URI."""
        files.write(files.inside(place, _NAME), json.dumps(asdict(self)).encode())


def read_command(place: str) -> Command | None:
    """The command that started an experiment; None if it was not `ray-nas search`.

    Args:
        place: The experiment's folder, a path or a URI.

    Raises:
        ValueError: The file is damaged.
    """
    file = files.inside(place, _NAME)
    try:
        content = files.read(file)
    except FileNotFoundError:
        return None
    try:
        return Command(**json.loads(content))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{file} is damaged ({error}): name the trainable with --trainable"
        ) from error


def load_remembered(
    place: str, given: str | None, name: Literal["space", "trainable"], argument: str
) -> Any:
    """The space or the trainable that was named, else that of the `ray-nas search` that ran.

    Ends the command if there is neither.

    Args:
        place: The experiment's folder, a path or a URI.
        given: MODULE:NAME; None if it was not named.
        name: Which of the two.
        argument: The argument's name, for the message.
    """
    if given is not None:
        return load_object(given, argument)
    with user_errors():
        command = read_command(place)
    if command is None:
        fail(f"{argument} is missing: {place} was not started by `ray-nas search`: name it")
    sys.path.insert(0, command.folder)
    return load_object(getattr(command, name), argument)


def _absolute(reference: str) -> str:
    """MODULE:NAME with an absolute path, if MODULE is one."""
    module, _, name = reference.rpartition(":")
    return f"{Path(module).resolve()}:{name}" if module.endswith(".py") else reference
