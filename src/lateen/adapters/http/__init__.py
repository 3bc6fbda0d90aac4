"""The HTTP client side of a Kubernetes API: one session type, its credentials and the paths of kinds."""
