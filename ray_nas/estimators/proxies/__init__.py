"""Zero-cost proxies: how good an architecture is, judged before it is trained."""

from ray_nas.estimators.proxies import az_nas as az_nas
from ray_nas.estimators.proxies import epe_nas as epe_nas
from ray_nas.estimators.proxies import fisher as fisher
from ray_nas.estimators.proxies import flops as flops
from ray_nas.estimators.proxies import grad_norm as grad_norm
from ray_nas.estimators.proxies import grasp as grasp
from ray_nas.estimators.proxies import jacov as jacov
from ray_nas.estimators.proxies import l2_norm as l2_norm
from ray_nas.estimators.proxies import naswot as naswot
from ray_nas.estimators.proxies import params as params
from ray_nas.estimators.proxies import snip as snip
from ray_nas.estimators.proxies import synflow as synflow
from ray_nas.estimators.proxies import te_nas as te_nas
from ray_nas.estimators.proxies import vkdnw as vkdnw
from ray_nas.estimators.proxies import zen as zen
from ray_nas.estimators.proxies import zico as zico
from ray_nas.estimators.proxies.aggregate import Aggregate
from ray_nas.estimators.proxies.core.proxy_errors import ProxyError
from ray_nas.estimators.proxies.core.proxy_registry import PROXIES, Proxy, proxy
from ray_nas.estimators.proxies.core.scoring import score
from ray_nas.estimators.proxies.fitted import Fitted

__all__ = ["PROXIES", "Aggregate", "Fitted", "Proxy", "ProxyError", "proxy", "score"]
