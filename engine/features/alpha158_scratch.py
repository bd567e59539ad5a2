"""Where Alpha158 keeps a symbol's bars while it works: rows of the scratch array; and shared limits."""

from __future__ import annotations

# Rows. "finite": infinities replaced by NaN, as pandas' rolling operators do.
C, C_FINITE, H, L, V, V_FINITE, LOG_V, RETURN, LOG_DV, MOVE, SORTED = range(11)
SCRATCH = 11

EPS = 1e-12
CALM = 2e-5
"""At or below this standard deviation qlib gives no correlation (in price units for RSQR and CORR)."""
