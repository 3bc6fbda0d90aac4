"""Who calls the API server, and whether he may: pure functions over subjects, tokens, keys and the time."""
