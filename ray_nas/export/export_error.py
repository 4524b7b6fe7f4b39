"""`ExportError`: a network cannot be exported, or does not compute the same afterwards."""


class ExportError(ValueError):
    """An export that failed; the message names the layer or the file, and the remedy.

    Example:
        >>> issubclass(ExportError, ValueError)
        True
    """
