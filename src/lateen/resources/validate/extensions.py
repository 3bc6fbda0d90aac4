"""Rules for WasmPlugin and TrafficExtension.

In: specs. Out: remarks. Reference: https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/
"""

import re
from urllib.parse import urlsplit

from lateen.resources.model import Meta
from lateen.resources.traffic_extension import LuaExtension, TrafficExtensionSpec, WasmExtension
from lateen.resources.validate.remarks import Remarks, error
from lateen.resources.validate.selectors import match_ports, targets
from lateen.resources.wasm_plugin import VmConfig, WasmPluginSpec

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_LONE_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_SCHEMES = ("", "file", "http", "https", "oci")
_LONGEST_NAME = 256
_LONGEST_SECRET = 253
_LONGEST_SCRIPT = 65536


def wasm_plugin(spec: WasmPluginSpec, _meta: Meta) -> Remarks:
    """All rules of the kind WasmPlugin."""
    yield from targets(spec.selector, spec.target_ref, spec.target_refs)
    yield from _wasm(spec, "spec")
    for index, match in enumerate(spec.match):
        yield from match_ports(match.ports, f"spec.match[{index}].ports")


def traffic_extension(spec: TrafficExtensionSpec, _meta: Meta) -> Remarks:
    """All rules of the kind TrafficExtension."""
    if (spec.wasm is None) == (spec.lua is None):
        yield error("spec", "needs either wasm or lua, and not both")
    yield from targets(spec.selector, None, spec.target_refs)
    if spec.wasm is not None:
        yield from _wasm(spec.wasm, "spec.wasm")
    if spec.lua is not None:
        yield from _lua(spec.lua)
    for index, match in enumerate(spec.match):
        yield from match_ports(match.ports, f"spec.match[{index}].ports")


def _wasm(spec: WasmPluginSpec | WasmExtension, path: str) -> Remarks:
    yield from _url(spec.url, f"{path}.url")
    digest = spec.sha256 or ""
    if digest and len(digest) != 64:
        yield error(f"{path}.sha256", f"a SHA-256 has 64 hexadecimal digits; this has {len(digest)} characters")
    elif digest and not _DIGEST.match(digest):
        yield error(f"{path}.sha256", "a SHA-256 is written in the digits 0-9 and a-f")
    if len(spec.image_pull_secret or "") > _LONGEST_SECRET:
        yield error(f"{path}.imagePullSecret", f"must be at most {_LONGEST_SECRET} characters long")
    if len(spec.plugin_name or "") > _LONGEST_NAME:
        yield error(f"{path}.pluginName", f"must be at most {_LONGEST_NAME} characters long")
    yield from _environment(spec.vm_config, f"{path}.vmConfig.env")


def _url(text: str, path: str) -> Remarks:
    if not text:
        yield error(path, "is empty: where is the code?")
        return
    try:
        # `host:port/path` without a scheme is an image reference; `://` tells them apart.
        scheme = urlsplit(text).scheme if "://" in text else ""
    except ValueError as problem:
        yield error(path, f"{text!r} is no URL: {problem}")
        return
    if scheme not in _SCHEMES:
        yield error(path, f"code cannot be fetched by {scheme}", "use file, http, https or oci")
    elif any(letter.isspace() for letter in text) or _LONE_PERCENT.search(text):
        yield error(path, f"{text!r} is no URL")


def _environment(found: VmConfig | None, path: str) -> Remarks:
    seen: set[str] = set()
    for index, variable in enumerate(found.env if found is not None else ()):
        where = f"{path}[{index}]"
        if not variable.name or len(variable.name) > _LONGEST_NAME:
            yield error(f"{where}.name", f"must have 1 to {_LONGEST_NAME} characters")
        if variable.name in seen:
            yield error(f"{where}.name", f"{variable.name!r} is there already")
        seen.add(variable.name)
        if variable.value_from == "HOST" and variable.value:
            yield error(f"{where}.value", "is ignored, since the value is taken from the host")


def _lua(found: LuaExtension) -> Remarks:
    size = len(found.inline_code.encode())
    if size == 0:
        yield error("spec.lua.inlineCode", "the script is empty")
    elif size > _LONGEST_SCRIPT:
        yield error("spec.lua.inlineCode", f"the script has {size} bytes; {_LONGEST_SCRIPT} are allowed")
