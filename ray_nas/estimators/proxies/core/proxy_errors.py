"""The errors of proxies that cannot be computed."""


class ProxyError(ValueError):
    """A proxy cannot be computed for a network and a batch; names the proxy and the reason.

    Example:
        >>> str(ProxyError("naswot", "the network has no ReLU"))
        'naswot cannot be computed: the network has no ReLU'
    """

    def __init__(self, proxy: str, reason: str) -> None:
        # Both go to the base class, so that the error can be pickled.
        super().__init__(proxy, reason)
        self.proxy = proxy
        """Name of the proxy."""
        self.reason = reason
        """Why it cannot be computed."""

    def __str__(self) -> str:
        return f"{self.proxy} cannot be computed: {self.reason}"


class UnsuitableNetworkError(Exception):
    """A proxy raises it with the reason; `score` adds the proxy's name and raises a `ProxyError`.

    Example:
        >>> str(UnsuitableNetworkError("the network has no ReLU"))
        'the network has no ReLU'
    """
