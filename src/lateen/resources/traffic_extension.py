"""TrafficExtension: an extension of the proxy as WebAssembly or Lua; the successor of WasmPlugin.

Reference: https://istio.io/latest/docs/reference/config/proxy_extensions/
In: the `spec` of the object. Out: frozen structs; `plugin_config` stays a plain dict that nobody changes in place.
"""

from typing import Any, Literal

from lateen.resources.selectors import PolicyTargetReference, TrafficSelector, WorkloadSelector
from lateen.resources.structs import IstioStruct
from lateen.resources.wasm_plugin import FailStrategy, PluginType, PullPolicy, VmConfig

ExtensionPhase = Literal["UNSPECIFIED", "AUTHN", "AUTHZ", "STATS"]


class LuaExtension(IstioStruct):
    """A Lua script, given inline."""

    inline_code: str


class WasmExtension(IstioStruct):
    """A WebAssembly module; the fields mean what they mean in WasmPlugin."""

    url: str
    sha256: str | None = None
    image_pull_policy: PullPolicy = "UNSPECIFIED_POLICY"
    image_pull_secret: str | None = None
    verification_key: str | None = None
    plugin_config: dict[str, Any] | None = None
    plugin_name: str | None = None
    fail_strategy: FailStrategy = "FAIL_CLOSE"
    vm_config: VmConfig | None = None
    type: PluginType = "UNSPECIFIED_PLUGIN_TYPE"


class TrafficExtensionSpec(IstioStruct):
    """One of wasm and lua, the workloads, and the place in the filter chain."""

    selector: WorkloadSelector | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    phase: ExtensionPhase = "UNSPECIFIED"
    priority: int | None = None
    match: tuple[TrafficSelector, ...] = ()
    wasm: WasmExtension | None = None
    lua: LuaExtension | None = None
