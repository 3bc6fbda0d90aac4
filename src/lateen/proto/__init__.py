"""Interfaces that no package has: our .proto files with Istio's packages, names and numbers, and their generated code."""
