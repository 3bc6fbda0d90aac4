"""Sidecar and gateway injection: a pod and the mesh's configuration in, a JSON patch out.

`inject.py` is the door; one file per topic: decision, annotations, the two templates, probes, metrics, merge, patch.
All objects are plain JSON dictionaries and are never changed in place.
"""
