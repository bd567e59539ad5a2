"""The simulated venue, sans-IO: listings, book, regimes, burst schedule, order flow, venue."""
