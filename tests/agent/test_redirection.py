"""Redirection rules: Istio's chains from the init container's arguments."""

from __future__ import annotations

import pytest

from lateen.agent.redirection import restore_text, routing_commands, rules, supported
from lateen.agent.redirection_settings import RedirectionError, parse_redirection

INJECTED = "istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x  -b * -d 15090,15021,15020"


def text(arguments: str, **env: str) -> list[str]:
    settings = parse_redirection(arguments.split(" "), env, dns_servers=("10.1.0.10",))
    return restore_text(rules(settings)).splitlines()


def test_what_the_injector_asks_for() -> None:
    assert (
        text(INJECTED)
        == """\
* nat
-N ISTIO_INBOUND
-N ISTIO_REDIRECT
-N ISTIO_IN_REDIRECT
-N ISTIO_OUTPUT
-A ISTIO_INBOUND -p tcp --dport 15008 -j RETURN
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A ISTIO_INBOUND -p tcp --dport 15090 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 15021 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 15020 -j RETURN
-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -o lo -s 127.0.0.6/32 -j RETURN
-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
COMMIT""".splitlines()
    )


def test_ranges_and_ports_of_the_annotations() -> None:
    made = text("istio-iptables -i 10.0.0.0/8 -x 10.9.0.0/16 -b 80,443 -o 5432 -q 9000 -c net1")

    assert "-A ISTIO_INBOUND -p tcp --dport 80 -j ISTIO_IN_REDIRECT" in made
    assert "-A ISTIO_OUTPUT -p tcp --dport 5432 -j RETURN" in made
    assert "-A ISTIO_OUTPUT -p tcp --dport 9000 -j ISTIO_REDIRECT" in made
    assert "-A PREROUTING -i net1 -j RETURN" in made
    excluded = made.index("-A ISTIO_OUTPUT -d 10.9.0.0/16 -j RETURN")
    assert excluded < made.index("-A ISTIO_OUTPUT -d 10.0.0.0/8 -j ISTIO_REDIRECT")


def test_no_inbound_ports_means_no_inbound_redirection() -> None:
    assert not [line for line in text("istio-iptables -b  -i *") if "ISTIO_INBOUND -p tcp -j" in line]


def test_dns_goes_to_the_agent_but_not_the_proxys_own() -> None:
    made = text(INJECTED, ISTIO_META_DNS_CAPTURE="true")

    assert "-A ISTIO_OUTPUT_DNS -p udp --dport 53 -d 10.1.0.10/32 -j REDIRECT --to-port 15053" in made
    own = made.index("-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN")
    assert own < made.index("-A ISTIO_OUTPUT -j ISTIO_OUTPUT_DNS")


def test_dns_capture_is_named_and_left_out_while_nobody_would_answer() -> None:
    asked = parse_redirection(["istio-iptables"], {"ISTIO_META_DNS_CAPTURE": "true"}, ("10.1.0.10",))
    notes, served = supported(asked)

    assert "DNS capture" in notes[0]
    assert "ISTIO_OUTPUT_DNS" not in restore_text(rules(served))
    assert supported(served) == ((), served)


def test_tproxy_delivers_marked_packets_locally() -> None:
    settings = parse_redirection(["istio-iptables", "-m", "TPROXY", "-b", "*"], {})

    assert [command[0] for command in routing_commands(settings)] == ["ip", "ip"]
    assert routing_commands(parse_redirection(["istio-iptables"], {})) == ()


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        ("istio-iptables -b 80;reboot", "-b"),
        ("istio-iptables -d 0", "-d"),
        ("istio-iptables -o 70000", "-o"),
        ("istio-iptables -o ssh", "-o"),
        ("istio-iptables -i 10.0.0.0/8,*", "-i"),
        ("istio-iptables -i bad", "-i"),
        ("istio-iptables -x *", "-x"),
        ("istio-iptables -m SIDEWAYS", "-m"),
        ("istio-iptables -c eth0\n-j", "-c"),
        ("istio-iptables -k a-name-that-is-too-long", "-k"),
        ("istio-iptables -u 1337:x", "-u"),
        ("istio-iptables --cleverness", "--cleverness"),
        ("istio-iptables -p", "-p"),
        ("sh -c reboot", "begin with"),
    ],
)
def test_hostile_21_nothing_unchecked_reaches_a_rule(arguments: str, flag: str) -> None:
    with pytest.raises(RedirectionError, match=flag):
        parse_redirection(arguments.split(" "), {})
