"""What outlives the process: objects, revisions, history; and what a full disk does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lateen.adapters.kube_serve.sqlite_log import SqliteLog
from lateen.localcluster.errors import ApiError
from lateen.localcluster.registry import builtin_kinds
from lateen.localcluster.store import Store
from lateen.localcluster.watchlog import WatchLog
from tests.adapters.kube_serve.running_server import RunningServer

CONFIG_MAP = next(info for info in builtin_kinds() if info.kind == "ConfigMap")


def config_map(name: str, **data: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": "n", "uid": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def reopened(path: Path, capacity: int = 1000) -> tuple[Store, SqliteLog]:
    log = SqliteLog(path)
    store = Store(log.append, WatchLog(capacity))
    store.restore(log.records(), log.compacted(), log.newest())
    return store, log


def test_G67_killed_at_any_time_the_server_comes_back_with_everything(own_server: RunningServer) -> None:
    own_server.kubectl("create", "namespace", "kept")
    before = own_server.get("namespace", "kept")
    own_server.kill(signal.SIGKILL)
    own_server.start()

    assert own_server.get("namespace", "kept") == before


def test_every_change_that_was_answered_survives_a_kill(own_server: RunningServer) -> None:
    """Writers keep writing until the connection breaks; what they were told is stored must be there afterwards."""

    async def write_until_it_dies() -> list[str]:
        answered: list[str] = []

        async def writer(number: int) -> None:
            async with own_server.session() as session:
                for count in range(100_000):
                    name = f"c-{number}-{count}"
                    body = {"metadata": {"name": name}}
                    async with session.post("/api/v1/namespaces/default/configmaps", json=body) as answer:
                        assert answer.status == 201
                        answered.append(name)
                    if len(answered) == 300:
                        own_server.kill(signal.SIGKILL)

        with contextlib.suppress(aiohttp.ClientError):
            await asyncio.gather(*(writer(number) for number in range(4)))
        return answered

    answered = asyncio.run(write_until_it_dies())
    own_server.start()
    stored = {item["metadata"]["name"] for item in own_server.get("configmaps")["items"]}

    assert len(answered) >= 300
    assert set(answered) <= stored


def test_G67_sigterm_ends_it_in_order(own_server: RunningServer) -> None:
    assert own_server.kill(signal.SIGTERM) == 0


def test_a_port_that_is_taken_is_one_clear_line(own_server: RunningServer) -> None:
    port = own_server.instance.api_port
    assert own_server.second_run() == (1, f"apiserver: cannot serve: 127.0.0.1:{port}: Address already in use")


def test_a_damaged_file_is_one_clear_line(own_server: RunningServer) -> None:
    own_server.kill()
    state = Path(own_server.instance.state_dir)
    for path in state.glob("state.db*"):
        path.unlink()
    (state / "state.db").write_bytes(b"no database " * 100)
    code, complaint = own_server.second_run()
    assert (code, complaint.endswith("remove the file to start with an empty mesh")) == (1, True)


def test_history_and_revisions_survive(tmp_path: Path) -> None:
    store, log = reopened(tmp_path / "state.db")
    first = store.create(CONFIG_MAP, config_map("a"))
    store.replace(CONFIG_MAP, {**first, "data": {"x": "y"}}, first["metadata"]["resourceVersion"])
    store.create(CONFIG_MAP, config_map("b"))
    gone = store.get("configmaps", "n", "b")
    assert gone is not None
    store.remove(CONFIG_MAP, gone, gone["metadata"]["resourceVersion"])
    log.close()

    again, _ = reopened(tmp_path / "state.db")

    assert again.revision == 4
    assert [obj["data"] for obj in again.list("configmaps")] == [{"x": "y"}]
    assert [event.type for event in again.log.since(1, again.revision)] == ["MODIFIED", "ADDED", "DELETED"]


def test_compaction_keeps_objects_and_forgets_history(tmp_path: Path) -> None:
    store, log = reopened(tmp_path / "state.db")
    current = store.create(CONFIG_MAP, config_map("a"))
    for number in range(5):
        current = store.replace(
            CONFIG_MAP, {**current, "data": {"n": str(number)}}, current["metadata"]["resourceVersion"]
        )
    log.compact(4)
    log.close()

    again, _ = reopened(tmp_path / "state.db")

    assert again.list("configmaps")[0]["data"] == {"n": "4"}
    assert [event.revision for event in again.log.since(4, again.revision)] == [5, 6]
    with pytest.raises(ApiError, match="too old resource version"):
        again.log.since(3, again.revision)


def test_revisions_never_go_back_even_when_the_newest_row_is_gone(tmp_path: Path) -> None:
    store, log = reopened(tmp_path / "state.db")
    created = store.create(CONFIG_MAP, config_map("a"))
    store.remove(CONFIG_MAP, created, created["metadata"]["resourceVersion"])
    log.compact(2)
    log.close()

    assert reopened(tmp_path / "state.db")[0].revision == 2


def test_G67_a_full_disk_refuses_the_change_and_serves_the_rest(tmp_path: Path) -> None:
    store, log = reopened(tmp_path / "state.db")
    store.create(CONFIG_MAP, config_map("small"))
    pages = log._connection.execute("PRAGMA page_count").fetchone()[0]
    log._connection.execute(f"PRAGMA max_page_count={pages + 2}")

    with pytest.raises(ApiError, match="no space left") as refused:
        store.create(CONFIG_MAP, config_map("large", text="x" * 500_000))

    assert refused.value.code == 507
    assert [obj["metadata"]["name"] for obj in store.list("configmaps")] == ["small"]
    assert store.revision == 1
    store.create(CONFIG_MAP, config_map("b"))


def test_the_file_is_private(tmp_path: Path) -> None:
    reopened(tmp_path / "state.db")[1].close()
    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600
