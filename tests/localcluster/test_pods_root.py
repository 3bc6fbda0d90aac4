"""A container's root as a list of steps."""

from __future__ import annotations

from lateen.localcluster.pods_root import Machine, Mount, RootRequest, Step, plan_root

MACHINE = Machine(
    top=(("bin", "usr/bin"), ("etc", ""), ("home", ""), ("opt", ""), ("root", ""), ("usr", ""), ("var", "")),
    etc=frozenset({"ssl", "shadow", "services"}),
    init="/opt/init",
)


def plan(request: RootRequest, exists: bool = False) -> list[Step]:
    return list(plan_root(MACHINE, request, lambda _path: exists))


def targets(steps: list[Step], what: str) -> list[str]:
    return [step.target for step in steps if step.what == what]


def test_the_machines_programs_are_there_and_its_secrets_are_not() -> None:
    steps = plan(RootRequest())

    assert "/usr" in targets(steps, "bind")
    assert "/bin" in targets(steps, "link")
    assert not {"/root", "/home", "/opt", "/var", "/etc/shadow"} & set(targets(steps, "bind"))
    assert "/etc/ssl/private" in targets(steps, "tmpfs"), "private keys are covered"


def test_a_command_without_an_image_sees_more_of_the_machine_but_no_home() -> None:
    steps = plan(RootRequest(whole_machine=True))

    assert "/opt" in targets(steps, "bind")
    assert not {"/root", "/home", "/var"} & set(targets(steps, "bind"))


def test_a_mount_point_that_the_machine_lacks_needs_a_layer_above_its_directory() -> None:
    mount = Mount("/data", "/usr/share/thing")

    assert targets(plan(RootRequest((mount,))), "overlay") == ["/usr"]
    assert targets(plan(RootRequest((mount,)), exists=True), "overlay") == []
    assert targets(plan(RootRequest((Mount("/data", "/bin/thing"),))), "overlay") == ["/usr"], "/bin leads to /usr/bin"
    assert targets(plan(RootRequest((Mount("/data", "/main"),))), "overlay") == []


def test_inner_mounts_come_after_outer_ones_and_nothing_is_sealed_before_all_are_there() -> None:
    inner, outer = Mount("/b", "/a/b/c", read_only=False), Mount("/a", "/a/b")
    steps = [step for step in plan(RootRequest((inner, outer))) if step.what in ("mount", "seal")]

    assert [(step.what, step.target) for step in steps] == [
        ("mount", "/a/b"),
        ("mount", "/a/b/c"),
        ("seal", "/a/b"),
        ("seal", "/a/b/c"),
    ]
    assert [step.options for step in steps[2:]] == ["alone", ""]


def test_a_read_only_root_is_sealed_last() -> None:
    assert plan(RootRequest(read_only=True))[-1] == Step("read-only", "/")
