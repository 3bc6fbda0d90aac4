"""Composition roots: one per process (`apiserver`, `controlplane`, `node`, `supervisor`), and bringing a mesh up.

Rule: everything is put together here and nowhere else; what a root needs beside wiring has a file of its own.
"""
