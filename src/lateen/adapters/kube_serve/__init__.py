"""The API server's rim: HTTPS, SQLite, watch streams, relays to the node agent.

Decisions (what is stored, refused, shown) are made in `lateen.localcluster`; here bytes, sockets and time are handled.
"""
