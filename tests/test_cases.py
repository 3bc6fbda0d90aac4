"""Golden cases: `tests/cases/<feature>/<case>/`, the behaviour of translation as files that a person reads.

`in.yaml` holds resources under a short header of comments::

    # proxy: sidecar default app=client          the proxy that looks: type, namespace, labels
    # show: clusters outbound|80||web*  lbPolicy circuitBreakers
    # hide: retryPolicy metadata                 fields that the case is not about, at any depth

`show` names a type, a name (`*` at the end: prefix), and the parts (all, if none). A part is a field, or a path to
one: `filterChains[name=0.0.0.0_80].filters[0]`.

`clusters.yaml`, `listeners.yaml`, `routes.yaml`, `endpoints.yaml` and `findings.yaml` hold what is shown. Numbered
edits `1-edit.yaml` are applied after that (a document with `metadata.deletionTimestamp` deletes); `1-sent.txt` lists
the resources that changed then, `1-ran.txt` the queries that ran. `pytest tests/test_cases.py --update-cases`
rewrites the expected files; a stale one fails. Every case is also run with its resources in other orders (same
answers) and applied twice (no change).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from google.protobuf.json_format import MessageToDict

from lateen.engine import Change, Database, Remove, Set
from lateen.mesh.node import ProxyNode, parse_node
from lateen.mesh.unsupported import findings
from lateen.resources.model import Resource
from lateen.resources.tables import RESOURCES
from lateen.xds.discovery import wanted
from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER, ROUTE, Encoded
from tests.mesh.world import resources
from tests.xds.reading import message

CASES = Path(__file__).parent / "cases"
TYPES = {"listeners": LISTENER, "clusters": CLUSTER, "routes": ROUTE, "endpoints": ENDPOINT}
# Collections run for each entry of the table, whatever its kind; that says nothing about a case.
PLUMBING = {"wanted", "view_routes", "view_endpoints"}


@dataclass(frozen=True)
class Shown:
    """One line of a header."""

    kind: str
    name: str
    parts: tuple[str, ...]

    def takes(self, name: str) -> bool:
        """Whether the resource of that name is shown."""
        return name.startswith(self.name[:-1]) if self.name.endswith("*") else name == self.name


@dataclass(frozen=True)
class Case:
    """One folder."""

    folder: Path
    proxy: ProxyNode
    shown: tuple[Shown, ...]
    hidden: frozenset[str]
    start: tuple[Resource, ...]
    edits: tuple[tuple[str, tuple[Resource, ...]], ...]


def read_proxy(text: str) -> ProxyNode:
    """`sidecar NAMESPACE label=value ...`."""
    kind, namespace, *labels = text.split()
    domain = f"{namespace}.svc.cluster.local"
    metadata = {"NAMESPACE": namespace, "PROXY_FLAVOUR": "stock", "LABELS": dict(label.split("=") for label in labels)}
    return parse_node({"id": f"{kind}~10.0.0.99~client.{namespace}~{domain}", "metadata": metadata})


def read_case(folder: Path) -> Case:
    """Read a folder."""
    text = (folder / "in.yaml").read_text()
    header = [line[1:].strip().partition(": ") for line in text.splitlines() if line.startswith("#")]
    proxy = next((value for key, _, value in header if key == "proxy"), "sidecar default app=client")
    shown = [value.split() for key, _, value in header if key == "show"]
    hidden = frozenset(word for key, _, value in header if key == "hide" for word in value.split())
    edits = sorted(folder.glob("[0-9]*-edit.yaml"))
    return Case(
        folder=folder,
        proxy=read_proxy(proxy),
        shown=tuple(Shown(kind, name[0] if name else "*", tuple(name[1:])) for kind, *name in shown),
        hidden=hidden,
        start=tuple(resources(text)),
        edits=tuple((edit.name.partition("-")[0], tuple(resources(edit.read_text()))) for edit in edits),
    )


def as_change(resource: Resource) -> Change:
    """Set the object, or remove it if it is on its way out."""
    if resource.meta.deletion_timestamp:
        return Remove(RESOURCES, resource.key)
    return Set(RESOURCES, resource.key, resource)


def everything(db: Database, case: Case) -> dict[str, tuple[Encoded, ...]]:
    """All that the proxy has: listeners and clusters, and the tables and assignments that these name."""
    found = {kind: wanted(db, case.proxy, TYPES[kind], None) for kind in ("listeners", "clusters")}
    clusters = tuple(sorted(item.name for item in found["clusters"] if item.name.startswith("outbound|")))
    tables = tuple(sorted({name for item in found["listeners"] for name in tables_of(message(item))}))
    found["endpoints"] = wanted(db, case.proxy, ENDPOINT, clusters)
    found["routes"] = wanted(db, case.proxy, ROUTE, tables)
    return found


def tables_of(listener: Any) -> Iterator[str]:
    """Names of route tables in a listener."""
    from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
        HttpConnectionManager,
    )

    for chain in (*listener.filter_chains, listener.default_filter_chain):
        for item in chain.filters:
            manager = HttpConnectionManager()
            if item.typed_config.Unpack(manager) and manager.HasField("rds"):
                yield manager.rds.route_config_name


def show(case: Case, db: Database) -> dict[str, str]:
    """The expected files' contents, by file name."""
    found, files = everything(db, case), {}
    for kind in dict.fromkeys(shown.kind for shown in case.shown):
        if kind == "findings":
            lines = [str(finding) for finding in findings(db)]
            files["findings.yaml"] = yaml.safe_dump(lines, sort_keys=False, width=150)
            continue
        listed = []
        for item in found[kind]:
            line = next((shown for shown in case.shown if shown.kind == kind and shown.takes(item.name)), None)
            if line is not None:
                listed.append(without(case.hidden, cut(MessageToDict(message(item)), line.parts)))
        files[f"{kind}.yaml"] = yaml.safe_dump(listed, sort_keys=True, width=150)
    return files


def cut(whole: dict[str, Any], parts: tuple[str, ...]) -> dict[str, Any]:
    """The name and the named parts; what a path leads to stands under the path, None if that is nothing."""
    names = ("name", "clusterName")
    fields = {key: value for key, value in whole.items() if not parts or key in parts or key in names}
    return fields | {part: follow(whole, part) for part in parts if "." in part or "[" in part}


def follow(value: Any, path: str) -> Any:
    """What is at `path`: fields by name, elements of lists by position or by a field of theirs."""
    for name, index in re.findall(r"([^.\[\]]+)(?![^\[]*\])|\[([^\]]*)\]", path):
        if value is None:
            return None
        value = value.get(name) if name else element(value, index)
    return value


def element(value: list[Any], index: str) -> Any:
    """`2`: the third element; `name=x`: the first whose `name` is x."""
    if index.isdigit():
        return value[int(index)] if int(index) < len(value) else None
    field, _, wanted_text = index.partition("=")
    return next((item for item in value if str(item.get(field)) == wanted_text), None)


def without(hidden: frozenset[str], value: Any) -> Any:
    """`value` as plain data, without the hidden fields."""
    if isinstance(value, dict):
        return {key: without(hidden, item) for key, item in value.items() if key not in hidden}
    return [without(hidden, item) for item in value] if isinstance(value, list) else value


def changed(before: dict[str, tuple[Encoded, ...]], after: dict[str, tuple[Encoded, ...]]) -> str:
    """One line for each resource that a proxy would be sent or told to forget."""
    lines = []
    for kind in TYPES:
        old = {item.name: item.version for item in before[kind]}
        new = {item.name: item.version for item in after[kind]}
        lines += [f"{kind} {name}" for name in sorted(new) if old.get(name) != new[name]]
        lines += [f"{kind} {name} removed" for name in sorted(old.keys() - new.keys())]
    return "".join(f"{line}\n" for line in lines) or "nothing\n"


def play(case: Case) -> dict[str, str]:
    """Run a case; the contents that its expected files should have."""
    db = Database()
    db.apply([as_change(resource) for resource in case.start])
    files = show(case, db)
    for number, edit in case.edits:
        before = everything(db, case)
        db.apply([as_change(resource) for resource in edit])
        with db.recording() as log:
            after = everything(db, case)
        files[f"{number}-sent.txt"] = changed(before, after)
        files[f"{number}-ran.txt"] = "".join(f"{name}\n" for name in sorted(log.names() - PLUMBING))
    return files


FOLDERS = sorted(path.parent for path in CASES.glob("*/*/in.yaml"))


def name_of(folder: Path) -> str:
    """The case's name: its feature and its sentence."""
    return f"{folder.parent.name}/{folder.name}"


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_case(folder: Path, request: pytest.FixtureRequest) -> None:
    """What the proxy gets is what the files say, and there is no file too many."""
    files = play(read_case(folder))
    if request.config.getoption("--update-cases"):
        for path in folder.iterdir():
            if path.name not in files and path.name != "in.yaml" and not path.name.endswith("-edit.yaml"):
                path.unlink()
        for name, text in files.items():
            (folder / name).write_text(text)
    expected = {
        path.name: path.read_text()
        for path in folder.iterdir()
        if path.name != "in.yaml" and not path.name.endswith("-edit.yaml")
    }

    assert expected == files


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_order_and_repetition_do_not_matter(folder: Path) -> None:
    """Resources one by one in another order, each twice, with the proxy asking in between: the same answers."""
    case = read_case(folder)
    fresh, slow = Database(), Database()
    fresh.apply([as_change(resource) for resource in case.start])
    shuffled = list(case.start)
    Random(folder.name).shuffle(shuffled)
    for resource in shuffled:
        slow.apply([as_change(resource)])
        everything(slow, case)

        assert not slow.apply([as_change(resource)])
    assert everything(slow, case) == everything(fresh, case)


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_a_case_stays_readable(folder: Path) -> None:
    """Inputs under 60 lines, outputs under 100: a case is about one thing."""
    lengths = {path.name: len(path.read_text().splitlines()) for path in folder.iterdir()}

    assert {
        name: length for name, length in lengths.items() if length > (60 if name.endswith("in.yaml") else 100)
    } == {}
