"""The mesh in Envoy's words: queries from views to encoded resources.

    discovery.wanted(db, node, type, names) -> listeners, clusters, routes, endpoints, secrets -> encode

Rule: one topic per file, one HTTP filter per file in `filters/`; encoded once at the leaf, named by its content's hash.
"""
