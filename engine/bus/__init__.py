"""The bus: Redis Streams between the workers of one topology."""
