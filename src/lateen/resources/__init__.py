"""What users write: typed kinds, how they are read, and what is said about mistakes.

In: YAML or JSON text, or objects of the Kubernetes API as plain dicts. Out: frozen structs that the engine can
compare, and findings.
Rule: bad input never raises; it gives a finding with the path of the field that is wrong.
"""
