"""The control plane's metrics, under the names that dashboards for Istio know.

In: the control plane, read when somebody asks. Out: Prometheus samples. Rule: labels come from fixed sets (types,
versions), never from what clients send.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from lateen.adapters.clock import Clock
from lateen.controlplane.plane import CONVERGENCE_BOUNDS, ControlPlane
from lateen.resources.tables import RESOURCES
from lateen.xds.encode import CLUSTER, ENDPOINT, EXTENSION, LISTENER, ROUTE, SECRET

SHORT_NAMES = {CLUSTER: "cds", ENDPOINT: "eds", LISTENER: "lds", ROUTE: "rds", SECRET: "sds", EXTENSION: "ecds"}


class PilotCollector(Collector):
    """Reads the numbers when it is scraped."""

    def __init__(self, plane: ControlPlane, version: str, clock: Clock) -> None:
        self._plane = plane
        self._version = version
        self._clock = clock
        self._started = clock.monotonic()

    def collect(self) -> Iterable[Metric]:
        plane = self._plane
        yield _gauge("pilot_info", "Version of the control plane.", 1, version=self._version)
        streams = sum(len(sessions) for sessions in plane.sessions.values())
        yield _gauge("pilot_xds", "Number of connected proxies.", streams, version=self._version)
        services = len(plane.db.lookup(RESOURCES, "kind", "Service"))
        services += len(plane.db.lookup(RESOURCES, "kind", "ServiceEntry"))
        yield _gauge("pilot_services", "Services known.", services)
        virtual = len(plane.db.lookup(RESOURCES, "kind", "VirtualService"))
        yield _gauge("pilot_virt_services", "VirtualServices known.", virtual)
        yield _gauge("istiod_uptime_seconds", "Seconds since the start.", self._clock.monotonic() - self._started)
        pushes = {short: plane.pushes[type_url] for type_url, short in SHORT_NAMES.items()}
        yield _counts("pilot_xds_pushes", "Responses sent to proxies.", "type", pushes)
        rejects = {short: plane.rejects[type_url] for type_url, short in SHORT_NAMES.items()}
        yield _counts("pilot_total_xds_rejects", "Responses refused by proxies.", "type", rejects)
        yield _convergence(plane)
        yield _counts("lateen_query_runs", "Computations of the engine.", "query", plane.db.runs)


def _gauge(name: str, text: str, value: float, **labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _counts(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    """Growing numbers under a name as it is: the library's own counters would append `_total`, Istio's do not."""
    metric = Metric(name, text, "unknown")
    for value in sorted(counts):
        metric.add_sample(name, {label: value}, counts[value])
    return metric


def _convergence(plane: ControlPlane) -> HistogramMetricFamily:
    counts = accumulate(plane.convergence[bound] for bound in CONVERGENCE_BOUNDS)
    names = ["+Inf" if math.isinf(bound) else str(bound) for bound in CONVERGENCE_BOUNDS]
    family = HistogramMetricFamily("pilot_proxy_convergence_time", "Seconds from a response to its acknowledgement.")
    family.add_metric([], list(zip(names, counts, strict=True)), plane.convergence_sum)
    return family


def exposition(collector: Collector) -> bytes:
    """The text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)
