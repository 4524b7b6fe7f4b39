"""The command line: `ray-nas search` runs an experiment, `ray-nas show` shows one."""

from ray_nas.cli.main import app, main

__all__ = ["app", "main"]
