"""Shows the `Example:` of a docstring as code instead of as quoted text."""

import re
from typing import Any, Final

import griffe

_HEADER: Final = re.compile(r"^Example:$", re.MULTILINE)


class DoctestExamples(griffe.Extension):
    """Renames `Example:` to `Examples:`, the section whose doctests are code."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for every object that it has read."""
        if obj.docstring:
            obj.docstring.value = _HEADER.sub("Examples:", obj.docstring.value)
