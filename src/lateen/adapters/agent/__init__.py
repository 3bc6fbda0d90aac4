"""What the node agent does beside each proxy; `node_proxies.py` is the door.

Certificates (`ca_client`, `workload_identity`), secrets over a Unix socket (`sds_server`), readiness, merged metrics
and probes (`status_server`, `pod_http`), Envoy's bootstrap and drain (`proxy_agent`), redirection (`node_proxies`).
"""
