"""What the adapters of the node need to know of a mesh, taken from its `Instance`.

In: an `Instance`. Out: the adapters' own small structs. Rule: an address, name or directory is derived here only, so
that the node agent and the clean-up can never disagree about what belongs to the mesh.
"""

from __future__ import annotations

from lateen.adapters.node.cleanup import Leftovers
from lateen.app.instance import Instance
from lateen.localcluster.network_plan import MeshPlan

__all__ = ["cgroup_name", "mesh_plan", "node_facts"]


def cgroup_name(instance: Instance) -> str:
    """Directory of the mesh below each control group hierarchy."""
    return f"lateen-{instance.name}"


def node_facts(instance: Instance) -> Leftovers:
    """By what the things of this mesh on this machine are known when they are removed."""
    return Leftovers(
        run_dir=instance.run_dir,
        prefix=instance.link_prefix,
        mesh_netns=instance.mesh_netns,
        cgroup=cgroup_name(instance),
    )


def mesh_plan(instance: Instance) -> MeshPlan:
    """Names and addresses of the mesh's network."""
    return MeshPlan(
        prefix=instance.link_prefix,
        netns=instance.mesh_netns,
        pod_cidr=instance.pod_cidr,
        service_cidr=instance.service_cidr,
        gateway=instance.gateway_address,
        host_address=instance.host_address,
        mesh_address=instance.mesh_address,
        dns_address=instance.dns_address,
        kubernetes_address=instance.kubernetes_address,
        api_port=instance.api_port,
    )
