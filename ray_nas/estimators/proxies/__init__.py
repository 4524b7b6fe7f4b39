"""Zero-cost proxies: how good an architecture is, judged before it is trained."""

from ray_nas.estimators.proxies import flops as flops
from ray_nas.estimators.proxies import jacov as jacov
from ray_nas.estimators.proxies import naswot as naswot
from ray_nas.estimators.proxies import params as params
from ray_nas.estimators.proxies import synflow as synflow
from ray_nas.estimators.proxies.core.errors import ProxyError
from ray_nas.estimators.proxies.core.registry import PROXIES, Proxy, proxy
from ray_nas.estimators.proxies.core.scoring import score

__all__ = ["PROXIES", "Proxy", "ProxyError", "proxy", "score"]
