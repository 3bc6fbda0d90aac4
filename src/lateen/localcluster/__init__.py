"""The local cluster without its I/O: what a Kubernetes API server, its controllers and a node decide.

    request -> requests -> auth -> admission -> store_rules -> store -> watchlog      (adapters/kube_serve drives this)
    stored objects -> controllers -> writes                                           (adapters/controller_loop)
    a pod -> podlife, pods_* -> what to start, mount and report                       (adapters/node)

Rule: state in, decisions out; time, entropy and the outcome of I/O are arguments.
"""
