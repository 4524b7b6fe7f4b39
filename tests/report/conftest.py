"""A real browser for the tests of pages."""

from headless_browser import browser

__all__ = ["browser"]
