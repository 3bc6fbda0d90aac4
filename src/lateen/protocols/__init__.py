"""Protocols as pure state machines: events in, actions out. They know bytes and messages, no mesh and no sockets."""
