"""What the errors say."""

from ray_nas.estimators.proxies.core.proxy_errors import ProxyError, UnsuitableNetworkError


def test_a_proxy_error_names_proxy_and_reason_and_is_a_value_error() -> None:
    error = ProxyError("naswot", "there is no ReLU")
    assert isinstance(error, ValueError)
    assert str(error) == "naswot cannot be computed: there is no ReLU"
    assert not isinstance(UnsuitableNetworkError("there is no ReLU"), ValueError)
