"""What stands beside a proxy, as pure functions: its facts, Envoy's bootstrap and command line, redirection rules,
probes, secrets.

`adapters/agent` does what these functions say.
"""
