"""How fast the mesh is and what it costs: `python -m bench`, as root.

In: a checkout with its virtual environment. Out: a table and, with `--json`, the same numbers as JSON.
Rule: a number is the median of at least five runs; what is measured runs as users run it, through `lateen up`.
"""
