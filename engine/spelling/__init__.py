"""How venues, brokers and data services spell instruments: a rule for each, both ways.

A rule is a pair of functions between a place's spelling and the parts of a canonical name; see
``engine.symbols``, where they are asked for, and where what the configuration says of a name comes first.
"""
