"""What the configuration means: queries over resources, free of Envoy and of Kubernetes' wire format.

    resources -> services, endpoints, workloads -> visibility -> routing, destinations, authn, authz, gateways
    a proxy   -> views (the few facts on which its configuration depends)

Rule: values are frozen, comparable and sorted; bad configuration becomes a finding, never an exception.
"""
