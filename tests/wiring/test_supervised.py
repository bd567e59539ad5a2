"""What the supervisor of long work does before it starts that."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.session_niceness import OWN, niceness
from engine.wiring.supervised import NICE

_SAYS = "import os; from engine.session_niceness import niceness; print(os.nice(0), niceness())"


@pytest.mark.skipif(not OWN.exists(), reason="sessions are not weighed here")
@pytest.mark.parametrize("own", [True, False])
def test_a_session_of_its_own_steps_back_with_it(own: bool) -> None:
    """Another's, which is the person's terminal, stays as it is. One that never was told apart has none."""
    before = str(niceness())
    supervised = subprocess.Popen(
        [sys.executable, "-m", "engine.wiring.supervised", "1", sys.executable, "-c", _SAYS],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=own,
    )  # fmt: skip
    with supervised:  # its end is the end of its standard input, too
        assert supervised.stdin is not None and supervised.stdout is not None
        supervised.stdin.write(b"{}\n")
        supervised.stdin.flush()
        told = supervised.stdout.read().decode().split()
    assert (told[0], told[-1]) == (str(max(NICE, os.nice(0))), str(NICE) if own else before)
