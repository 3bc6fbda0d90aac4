"""Objects that should exist: the installation's manifests, and what the control plane keeps in the cluster."""
