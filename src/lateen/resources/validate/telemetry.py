"""Rules for Telemetry.

In: the spec. Out: remarks. Reference: https://istio.io/latest/docs/reference/config/telemetry/
"""

from lateen.resources.model import Meta
from lateen.resources.telemetry import CustomTag, MetricsOverrides, ProviderRef, TelemetrySpec, Tracing
from lateen.resources.validate import names
from lateen.resources.validate.remarks import Remarks, error, warning
from lateen.resources.validate.selectors import targets


def telemetry(spec: TelemetrySpec, _meta: Meta) -> Remarks:
    """All rules of the kind."""
    yield from targets(spec.selector, spec.target_ref, spec.target_refs)
    for index, metrics in enumerate(spec.metrics):
        path = f"spec.metrics[{index}]"
        yield from _providers(metrics.providers, path)
        yield from names.duration_text(metrics.reporting_interval, f"{path}.reportingInterval")
        for number, override in enumerate(metrics.overrides):
            yield from _override(override, f"{path}.overrides[{number}]")
    if len(spec.tracing) > 1:
        yield warning("spec.tracing", "only the first entry takes effect")
    for index, tracing in enumerate(spec.tracing):
        yield from _tracing(tracing, f"spec.tracing[{index}]")
    for index, logging in enumerate(spec.access_logging):
        yield from _providers(logging.providers, f"spec.accessLogging[{index}]")


def _providers(found: tuple[ProviderRef, ...], path: str) -> Remarks:
    for index, provider in enumerate(found):
        if not provider.name:
            yield error(f"{path}.providers[{index}].name", "is empty")


def _override(override: MetricsOverrides, path: str) -> Remarks:
    for name, tag in override.tag_overrides.items():
        where = f"{path}.tagOverrides.{name}.value"
        if not name:
            yield warning(f"{path}.tagOverrides", "a tag has no name")
        if tag.operation == "UPSERT" and not tag.value:
            yield error(where, "is missing: to what is the tag set?")
        if tag.operation == "REMOVE" and tag.value:
            yield error(where, "has no use when the tag is removed")
    if override.match is not None:
        if override.match.custom_metric == "":
            yield error(f"{path}.match.customMetric", "is empty")
        if override.match.custom_metric is not None and override.match.metric is not None:
            yield error(f"{path}.match", "metric and customMetric exclude each other")


def _tracing(tracing: Tracing, path: str) -> Remarks:
    if len(tracing.providers) > 1:
        yield warning(f"{path}.providers", "only one provider takes effect")
    yield from _providers(tracing.providers, path)
    sampling = tracing.random_sampling_percentage
    if sampling is not None and not 0 <= sampling <= 100:
        where = f"{path}.randomSamplingPercentage"
        yield error(where, f"{sampling:g} is no percentage (0 to 100)")
    for name, tag in tracing.custom_tags.items():
        if not name:
            yield error(f"{path}.customTags", "a tag has no name")
        yield from _tag(tag, f"{path}.customTags.{name}")


def _tag(tag: CustomTag, path: str) -> Remarks:
    """One source, which has a name or a value."""
    if sum(source is not None for source in (tag.literal, tag.environment, tag.header, tag.formatter)) > 1:
        yield error(path, "has more than one source")
    if tag.literal is not None and not tag.literal.value:
        yield error(f"{path}.literal.value", "is empty")
    if tag.header is not None and not tag.header.name:
        yield error(f"{path}.header.name", "is empty")
    if tag.environment is not None and not tag.environment.name:
        yield error(f"{path}.environment.name", "is empty")
    if tag.formatter is not None and not tag.formatter.value:
        yield error(f"{path}.formatter.value", "is empty")
