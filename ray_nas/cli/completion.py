"""What the shell completes: names, without loading Ray."""

import ast
import importlib.util
from pathlib import Path


def complete_searcher(incomplete: str) -> list[str]:
    """The searchers whose names begin so.

    Example:
        >>> complete_searcher("Ban")
        ['Bananas']
    """
    return [name for name in exported_names("searchers") if name.startswith(incomplete)]


def exported_names(package: str) -> list[str]:
    """The classes in the `__all__` of a subpackage, read from its text.

    Args:
        package: "searchers" or "spaces".
    """
    found = importlib.util.find_spec("ray_nas")
    assert found is not None
    assert found.origin is not None
    tree = ast.parse(Path(found.origin).with_name(package).joinpath("__init__.py").read_text())
    lists = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    return [name for name in lists[0] if name[0].isupper()]
