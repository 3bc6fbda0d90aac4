"""The machine under the pods: namespaces, links, mounts, cgroups, processes and their logs.

Everything here needs root and Linux. Decisions (what to mount, which address, when to restart) are made by pure
functions in
`lateen.localcluster`; these modules carry them out and report what the kernel says.
"""
