"""The kinds that extend the API server: CustomResourceDefinition, Mutating- and ValidatingWebhookConfiguration.

Reference: https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/
In: objects of the API server. Out: frozen structs with the fields that the control plane reads.
"""

from typing import Any

from lateen.resources.structs import KubeStruct
from lateen.resources.workloads import KubeLabelSelector


class CustomNames(KubeStruct):
    """What a custom kind is called."""

    plural: str = ""
    singular: str = ""
    kind: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class CustomVersion(KubeStruct):
    """A version of a custom kind; the schema stays as it is."""

    name: str
    served: bool = False
    storage: bool = False
    deprecated: bool = False
    schema: dict[str, Any] = {}
    subresources: dict[str, Any] = {}
    additional_printer_columns: tuple[dict[str, Any], ...] = ()


class CustomResourceDefinitionSpec(KubeStruct):
    """A custom kind."""

    group: str = ""
    scope: str = "Namespaced"
    names: CustomNames = CustomNames()
    versions: tuple[CustomVersion, ...] = ()


class WebhookService(KubeStruct):
    """The service that answers a webhook."""

    namespace: str = ""
    name: str = ""
    path: str | None = None
    port: int | None = None


class WebhookClientConfig(KubeStruct):
    """How a webhook is reached: by URL or by service; `ca_bundle` is base64 of PEM."""

    url: str | None = None
    service: WebhookService | None = None
    ca_bundle: str | None = None


class WebhookRule(KubeStruct):
    """Which requests a webhook is asked about."""

    operations: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    api_versions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    scope: str | None = None


class Webhook(KubeStruct):
    """One webhook. `reinvocation_policy` exists only on mutating ones."""

    name: str
    client_config: WebhookClientConfig = WebhookClientConfig()
    rules: tuple[WebhookRule, ...] = ()
    failure_policy: str | None = None
    match_policy: str | None = None
    namespace_selector: KubeLabelSelector | None = None
    object_selector: KubeLabelSelector | None = None
    side_effects: str | None = None
    timeout_seconds: int | None = None
    admission_review_versions: tuple[str, ...] = ()
    reinvocation_policy: str | None = None


class WebhookConfigurationSpec(KubeStruct):
    """Webhooks in order; the same for mutating and validating ones."""

    webhooks: tuple[Webhook, ...] = ()
