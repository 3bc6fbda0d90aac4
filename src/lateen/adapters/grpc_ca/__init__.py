"""The server side of Istio's signing interface: `service.py`."""
