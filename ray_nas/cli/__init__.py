"""The command line `ray-nas`: searches, and what remains of them."""

from ray_nas.cli.main import app, main

__all__ = ["app", "main"]
