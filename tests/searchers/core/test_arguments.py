"""The shared arguments in every signature and docstring."""

import inspect
import re

import pytest

from ray_nas.searchers import ArchitectureSearcher, OneShot, SearcherArguments
from ray_nas.searchers.core.arguments import complete
from ray_nas.searchers.registry import SEARCHERS

SHARED = list(SearcherArguments.__annotations__)


def documented(cls: type) -> dict[str, str]:
    """Argument name to its text in the docstring that `help` shows."""
    section = inspect.getdoc(cls).split("Args:\n")[1].split("\n\n")[0]
    parts = re.split(r"^    (\w+): ", section, flags=re.MULTILINE)[1:]
    return {
        name: " ".join(text.split()) for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def keyword_only(cls: type) -> list[str]:
    parameters = inspect.signature(cls).parameters.values()
    return [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]


def test_types_signature_and_docstring_name_the_same_arguments() -> None:
    assert keyword_only(ArchitectureSearcher) == SHARED
    assert list(documented(ArchitectureSearcher))[-len(SHARED) :] == SHARED


@pytest.mark.parametrize("name", sorted(SEARCHERS))
def test_help_shows_every_shared_argument_with_its_text(name: str) -> None:
    texts = documented(SEARCHERS[name])
    base = documented(ArchitectureSearcher)
    assert list(texts) == list(inspect.signature(SEARCHERS[name]).parameters)
    assert all(texts.values())
    for argument in SHARED:
        assert argument in keyword_only(SEARCHERS[name])
        assert texts[argument] == base[argument]


def test_the_ninth_searcher_documents_all_its_arguments() -> None:
    assert set(inspect.signature(OneShot).parameters) == set(documented(OneShot))


def test_a_strategys_own_text_replaces_the_shared_one() -> None:
    class Base:
        """Base.

        Args:
            seed: The base's text.
            repeats: Another.
        """

        def __init__(self, *, seed: int = 0, repeats: bool = False) -> None: ...

    class Child(Base):
        """Child.

        Args:
            size: Its size.
            seed: The child's text.

        Raises:
            ValueError: Always.
        """

        def __init__(self, *, size: int = 1, seed: int = 1, **common: object) -> None: ...

    complete(Child, Base)
    assert documented(Child) == {
        "size": "Its size.",
        "seed": "The child's text.",
        "repeats": "Another.",
    }
    assert Child.__doc__.endswith("Raises:\n    ValueError: Always.\n")
    assert list(inspect.signature(Child).parameters) == ["size", "seed", "repeats"]
