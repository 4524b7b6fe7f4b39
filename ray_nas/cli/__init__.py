"""The command line."""

from ray_nas.cli.main import app, console, main

__all__ = ["app", "console", "main"]
