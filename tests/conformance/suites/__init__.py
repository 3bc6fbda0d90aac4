"""One comparison per suite, as the corpus describes it.

`COMPARISONS` is the only place that knows which suites are supported.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tests.conformance.scoring import Comparison
from tests.conformance.suites import authz, inject_required, iptables, validation

COMPARISONS: Mapping[str, Comparison] = MappingProxyType(
    {
        "authz": authz.compare,
        "inject-required": inject_required.compare,
        "iptables": iptables.compare,
        "validation-crds": validation.compare_document,
        "validation-tables": validation.compare_table,
    }
)
