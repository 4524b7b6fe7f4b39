"""The framework behind the proxies: registry, batches, and a network that stays as it was."""
