"""The link: the engine's HTTP and WebSocket API, and the types that travel on it."""
