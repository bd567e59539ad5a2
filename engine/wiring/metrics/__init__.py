"""The desk's metrics: families that read what the desk counts anyway, when they are asked for."""
