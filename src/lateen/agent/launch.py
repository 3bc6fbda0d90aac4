"""How Envoy is started beside a workload: its command line.

In: `ProxyFacts`. Out: the argument list. The rule: the flags are those that Istio's agent uses, so that draining, log
levels and flushing behave the same; hot restart is off because a container is replaced as a whole.
"""

from __future__ import annotations

import math

from lateen.agent.facts import AgentSettingsError, ProxyFacts
from lateen.resources.duration import parse_duration

BOOTSTRAP_FILE = "/etc/istio/proxy/envoy-rev.json"
DEFAULT_DRAIN = 45.0


def envoy_arguments(facts: ProxyFacts, binary: str) -> tuple[str, ...]:
    """The command line for `binary` with the bootstrap at `BOOTSTRAP_FILE`.

    Raises `AgentSettingsError` for unusable settings.
    """
    flags = facts.arguments.flags
    return (
        binary,
        "-c",
        BOOTSTRAP_FILE,
        "--drain-time-s",
        str(math.ceil(seconds(facts, "drainDuration", DEFAULT_DRAIN))),
        "--drain-strategy",
        "immediate",
        "--local-address-ip-version",
        "v4",
        "--file-flush-interval-msec",
        "1000",
        "--disable-hot-restart",
        "--allow-unknown-static-fields",
        "-l",
        flags.get("log_level") or "warning",
        "--component-log-level",
        flags.get("component_log_level") or "misc:error",
        *concurrency(facts),
    )


def concurrency(facts: ProxyFacts) -> tuple[str, ...]:
    """`--concurrency N` from the flag, else ProxyConfig (0: every core), else the container's CPU limit."""
    given = facts.arguments.flags.get("concurrency") or facts.config.get("concurrency")
    number = str(given if given is not None else facts.env.get("ISTIO_CPU_LIMIT") or "2")
    if not number.isdigit():
        raise AgentSettingsError(f"concurrency {number!r} must be a whole number")
    return ("--concurrency", number) if int(number) > 0 else ()


def seconds(facts: ProxyFacts, name: str, default: float) -> float:
    """A duration of the ProxyConfig (`drainDuration`, `terminationDrainDuration`) in seconds."""
    text = facts.config.get(name)
    if text is None:
        return default
    try:
        return parse_duration(str(text))
    except ValueError as error:
        raise AgentSettingsError(f"{name} {text!r} in the proxy configuration: {error}") from error
