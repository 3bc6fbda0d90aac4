"""ProxyConfig (the resource): settings of proxies that need a restart to change.

Reference: https://istio.io/latest/docs/reference/config/networking/proxy-config/
In: the `spec` of the object. Out: frozen structs.
Rule: not to be confused with `meshconfig.ProxyConfig`, the defaults that it overrides.
"""

from lateen.resources.selectors import WorkloadSelector
from lateen.resources.structs import IstioStruct


class ProxyImage(IstioStruct):
    """The variant of the proxy's image. .../proxy-config/#ProxyImage."""

    image_type: str | None = None


class ProxyConfigSpec(IstioStruct):
    """Threads, environment and image of the selected proxies. .../proxy-config/#ProxyConfig."""

    selector: WorkloadSelector | None = None
    concurrency: int | None = None
    environment_variables: dict[str, str] = {}
    image: ProxyImage | None = None
