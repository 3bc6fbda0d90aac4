"""An incremental engine: inputs in, remembered pure queries out, and only what a change affects is computed again.

It knows nothing of Istio. Single-threaded; no clock, no I/O.

Inputs::

    PODS: Table[PodKey, Pod] = Table("pods", indexes={"node": lambda key, pod: [pod.node]})
    db = Database()
    db.apply([Set(PODS, key, pod), Remove(PODS, other)])  # one revision; -> whether anything changed; equal = no change

Reading, inside a query (recorded as a dependency) or outside::

    db.get(PODS, key)                # value or None; depends on this one entry
    db.lookup(PODS, "node", "n1")    # sorted tuple of keys; depends on the bucket's membership only
    db.keys(PODS)                    # sorted tuple of all keys; depends on membership only

Queries (hashable positional arguments; a frozen comparable result: a list, dict or set is refused)::

    @query
    def pods_of(db: Database, node: str) -> tuple[PodKey, ...]:
        return db.lookup(PODS, "node", node)

    pods_of(db, "n1")

An equal result stops the change from spreading, and keeps the old object (so `is` compares cheaply).

Keyed collections are derived entry by entry, from a table or from another collection, and read like tables. Use them
where a query would otherwise loop over a thousand children::

    ADDRESSES: Collection[str, PodKey] = Collection("addresses", PODS, fn, indexes={...})

    def fn(db: Database, key: PodKey, pod: Pod) -> Iterable[tuple[str, PodKey]]:
        yield pod.address, key

`fn` may read more through `db`. Two source entries with the same result key: the smallest *source key* wins; one
entry that gives a key twice: the first wins. To keep all, make the source key part of the result key and add an index.
A collection first derives when it is first read. Reading itself, even through queries, is an error at collection level.

Mistakes: a circle of reads raises `CycleError` with the path; whatever a query raises passes through with notes that
name the queries, and everything remembered stays valid.

Standing interest::

    subscription = db.subscribe(pods_of, "n1")
    for s in db.take_dirty():      # those whose value may have changed since s.read(); each is reported once
        value = s.read()
    subscription.close()             # forgets its value, unless somebody else needs it
    db.sweep()                     # when idle: forget whatever no subscription needs

Tests and metrics::

    with db.recording() as log: ...   # a list of Ran(name, key), in order; log.names(), .counts(), .runs_of(name)
    db.runs["pods_of"]                # total runs, by name
    db.revision

The files are the steps: `tables` (definitions), `store` (data and cells), `mark` (a change marks what may be affected),
`fetch` (remembered, verified or computed), `settle` (collections), `sweep` (memory), `subscription`, `events`.
"""

from lateen.engine.database import Database
from lateen.engine.errors import CycleError, EngineError, QueryValueError
from lateen.engine.events import Log, Ran
from lateen.engine.query import Query, query
from lateen.engine.subscription import Subscription
from lateen.engine.tables import Change, Collection, Remove, Set, Table

__all__ = [
    "Change",
    "Collection",
    "CycleError",
    "Database",
    "EngineError",
    "Log",
    "Query",
    "QueryValueError",
    "Ran",
    "Remove",
    "Set",
    "Subscription",
    "Table",
    "query",
]
