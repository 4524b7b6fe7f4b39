"""placeholder."""

from typing import Final

STRATEGIES: Final = ("spos", "fairnas", "sandwich", "balanced", "enas")
