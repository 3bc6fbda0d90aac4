"""The node agent's own small parts."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from lateen.adapters.node.namespaces import NodeError
from lateen.app import node_network
from lateen.app.facts import mesh_plan, node_facts
from lateen.app.instance import Instance
from lateen.app.node import Catalogue, installation, main
from lateen.app.node_network import NetworkSync
from lateen.localcluster.dns_records import answer

INSTANCE = Instance(name="m", index=3, state_dir="/s", run_dir="/run/lateen/m", api_port=6446)


def test_the_catalogue_is_read_again_when_its_file_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "images.json"
    catalogue = Catalogue(file)

    assert not catalogue.refresh()
    file.write_text('[{"image": "a/b", "entrypoint": ["x"]}]')
    assert catalogue.refresh()
    assert [entry.image for entry in catalogue.entries()] == ["a/b"]
    assert not catalogue.refresh()
    file.write_text("{")
    os.utime(file, ns=(1, 1))
    assert not catalogue.refresh(), "a broken file leaves the last good entries in force"
    assert [entry.image for entry in catalogue.entries()] == ["a/b"]
    assert "repair it or remove it" in caplog.text
    file.unlink()
    assert catalogue.refresh()
    assert catalogue.entries() == ()


def test_an_installation_knows_its_own_programs(tmp_path: Path) -> None:
    place = installation(tmp_path)

    assert Path(place.programs, "go_multiroute.py").is_file()
    assert os.access(tmp_path / "programs" / "go_multiroute", os.X_OK)
    assert not [
        one for one in place.prefixes for other in place.prefixes if one != other and one.startswith(f"{other}/")
    ]
    assert os.access(place.envoy, os.X_OK)


def test_facts_follow_from_the_instance() -> None:
    assert mesh_plan(INSTANCE).pod_cidr == "10.134.0.0/16"
    assert node_facts(INSTANCE).cgroup == "lateen-m"
    assert node_facts(INSTANCE).prefix == mesh_plan(INSTANCE).prefix == "lt3"


def test_without_root_one_line_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert main(["--instance", "/nowhere"]) == 1
    assert "need root" in capsys.readouterr().err


class Mesh:
    plan = mesh_plan(INSTANCE)
    netns = "/nowhere"


class Objects:
    """A picture with one Service, whose endpoints a test sets."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    async def synced(self) -> None:
        return

    def all(self, kind: str) -> list[dict[str, object]]:
        if kind == "Service":
            spec = {"clusterIP": "10.135.0.5", "ports": [{"name": "http", "port": 80}]}
            return [{"metadata": {"name": "web", "namespace": "shop"}, "spec": spec}]
        meta = {"name": "web-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}}
        endpoints = [{"addresses": [address], "conditions": {"ready": True}} for address in self.addresses]
        return [{"metadata": meta, "endpoints": endpoints, "ports": [{"name": "http", "port": 8080}]}]


class Clock:
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def test_rules_are_replaced_whole_first_and_by_differences_then(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse: list[bool] = []

    async def work() -> None:
        scripts: asyncio.Queue[str] = asyncio.Queue()

        async def to_thread(_work: object, _netns: str, script: str) -> None:
            scripts.put_nowait(script)
            if refuse and refuse.pop():
                raise NodeError("no such chain")

        monkeypatch.setattr(node_network.asyncio, "to_thread", to_thread)
        objects = Objects()
        sync = NetworkSync(Mesh(), "cluster.local", Clock())  # type: ignore[arg-type]
        running = asyncio.create_task(sync.run(objects))  # type: ignore[arg-type]
        async with asyncio.timeout(5):
            assert "delete table ip lateen" in await scripts.get()
            assert answer(sync.zone(), "web.shop.svc.cluster.local", "A").records[0].data == "10.135.0.5"
            objects.addresses = ["10.134.1.1"]
            sync.changed()
            added = await scripts.get()
            assert "10.134.1.1" in added
            assert "delete table" not in added
            objects.addresses = ["10.134.1.2"]
            refuse.append(True)
            sync.changed()
            assert "delete table" not in await scripts.get()
            assert "delete table" in await scripts.get(), "what does not fit the kernel's table is replaced whole"
        running.cancel()

    asyncio.run(work())
