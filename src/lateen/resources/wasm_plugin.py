"""WasmPlugin: an extension of the proxy as WebAssembly.

Reference: https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/
In: the `spec` of the object. Out: frozen structs; `plugin_config` stays a plain dict that nobody changes in place.
"""

from typing import Any, Literal

from lateen.resources.selectors import PolicyTargetReference, TrafficSelector, WorkloadSelector
from lateen.resources.structs import IstioStruct

PluginPhase = Literal["UNSPECIFIED_PHASE", "AUTHN", "AUTHZ", "STATS"]
PullPolicy = Literal["UNSPECIFIED_POLICY", "IfNotPresent", "Always"]
FailStrategy = Literal["FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD"]
PluginType = Literal["UNSPECIFIED_PLUGIN_TYPE", "HTTP", "NETWORK"]
EnvValueSource = Literal["INLINE", "HOST"]


class EnvVar(IstioStruct):
    """A variable for the extension, given here or taken from the proxy. .../wasm-plugin/#EnvVar."""

    name: str
    value_from: EnvValueSource = "INLINE"
    value: str | None = None


class VmConfig(IstioStruct):
    """The extension's virtual machine. .../wasm-plugin/#VmConfig."""

    env: tuple[EnvVar, ...] = ()


class WasmPluginSpec(IstioStruct):
    """Where the code is, where in the chain it runs and with which settings. .../wasm-plugin/#WasmPlugin."""

    url: str
    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    sha256: str | None = None
    image_pull_policy: PullPolicy = "UNSPECIFIED_POLICY"
    image_pull_secret: str | None = None
    verification_key: str | None = None
    plugin_config: dict[str, Any] | None = None
    plugin_name: str | None = None
    phase: PluginPhase = "UNSPECIFIED_PHASE"
    priority: int | None = None
    fail_strategy: FailStrategy = "FAIL_CLOSE"
    vm_config: VmConfig | None = None
    match: tuple[TrafficSelector, ...] = ()
    type: PluginType = "UNSPECIFIED_PLUGIN_TYPE"
