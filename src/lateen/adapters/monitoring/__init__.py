"""The control plane's port 15014: readiness, version, metrics and debug pages over plain HTTP."""
