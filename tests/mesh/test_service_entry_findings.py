"""External services that look declared and are not reached."""

from lateen.mesh.service_entry_findings import service_entry_findings
from lateen.mesh.unsupported import findings
from lateen.resources.model import ResourceKey
from tests.mesh.world import world


def external(name: str, protocol: str = "TCP", more: str = "") -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata: {{name: {name}, namespace: default}}\n"
        f"spec: {{hosts: [{name}.example.com], resolution: DNS, "
        f"ports: [{{number: 5432, name: p, protocol: {protocol}}}]"
        f"{more}}}\n"
    )


def messages(name: str, *texts: str) -> list[str]:
    return [
        finding.message
        for finding in service_entry_findings(world(*texts), ResourceKey("ServiceEntry", "default", name))
    ]


def test_of_two_hosts_on_one_port_the_second_is_not_reached() -> None:
    assert messages("a", external("a"), external("b")) == []
    assert messages("b", external("a"), external("b")) == [
        "bytes for port 5432 go to a.example.com: they carry no host name, so b.example.com cannot be told apart"
    ]


def test_an_address_a_server_name_or_a_namespace_of_its_own_tells_them_apart() -> None:
    assert messages("b", external("a"), external("b", more=", addresses: [192.0.2.1]")) == []
    assert messages("b", external("a"), external("b", protocol="TLS")) == []
    assert messages("b", external("a", more=", exportTo: ['.']").replace("default", "x"), external("b")) == []


def test_one_address_for_two_hosts_is_one_too_few() -> None:
    same = ", addresses: [192.0.2.1]"

    assert [
        text.partition(" go ")[0] for text in messages("b", external("a", more=same), external("b", more=same))
    ] == ["bytes for 192.0.2.1:5432"]


def test_dynamic_dns_is_not_honoured_yet() -> None:
    text = external("a", protocol="TLS").replace("a.example.com", "'*.example.com'").replace("DNS", "DYNAMIC_DNS")

    assert [finding.path for finding in findings(world(text))] == ["spec.resolution"]
