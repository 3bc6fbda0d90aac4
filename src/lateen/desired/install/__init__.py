"""The objects that install the mesh, as plain Kubernetes objects.

In: `InstallOptions` (an IstioOperator's settings over the profile's). Out: the objects of namespace, control plane,
webhooks and gateways, in an order in which they can be applied. The local mesh and a Kubernetes cluster get the same
objects.
"""

from __future__ import annotations

from typing import Any

from lateen.desired.install.gateways import gateway_objects
from lateen.desired.install.istiod import istiod_objects
from lateen.desired.install.operator import (
    Gateway,
    InstallOptions,
    OperatorResult,
    options_from_operator,
    with_settings,
)
from lateen.desired.install.webhooks import webhook_objects

__all__ = ["Gateway", "InstallOptions", "OperatorResult", "install_objects", "options_from_operator", "with_settings"]


def install_objects(options: InstallOptions) -> tuple[dict[str, Any], ...]:
    """Every object of the installation, dependencies first."""
    gateways = [o for gateway in options.gateways if gateway.enabled for o in gateway_objects(options, gateway)]
    return (*istiod_objects(options), *webhook_objects(options), *gateways)
