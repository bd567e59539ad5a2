"""What the supervisor of long work does before it starts that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.session_niceness import OWN
from engine.wiring.supervised import NICE

_SAYS = "import os; from pathlib import Path; print(os.nice(0), Path('/proc/self/autogroup').read_text())"


@pytest.mark.skipif(not OWN.exists(), reason="sessions are not weighed here")
@pytest.mark.parametrize("own", [True, False])
def test_a_session_of_its_own_steps_back_with_it(own: bool) -> None:
    """Another's, which is the person's terminal, stays as it is."""
    before = Path(OWN).read_text().split()[-1]
    supervised = subprocess.Popen(
        [sys.executable, "-m", "engine.wiring.supervised", "1", sys.executable, "-c", _SAYS],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=own,
    )  # fmt: skip
    with supervised:  # its end is the end of its standard input, too
        assert supervised.stdin is not None and supervised.stdout is not None
        supervised.stdin.write(b"{}\n")
        supervised.stdin.flush()
        told = supervised.stdout.read().decode().split()
    assert (told[0], told[-1]) == (str(NICE), str(NICE) if own else before)
