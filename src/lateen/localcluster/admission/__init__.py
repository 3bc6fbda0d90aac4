"""What happens to a write between authorization and storage: defaults that depend on other objects, and webhooks."""
