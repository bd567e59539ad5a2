"""The gateway: the one process that listens on TCP. To the engine it is one client of its Unix socket.

Tokens with roles, TLS, bounds, rates and the fan-out of the stream are its own; what a request does is the
engine's.
"""
