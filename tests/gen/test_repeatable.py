import subprocess
import sys

import pytest
import torch

from gen.repeatable import repeatable


def undetermined():
    """Which of two values ends up in one place is not said."""
    torch.zeros(4).put_(torch.tensor([1, 1]), torch.tensor([1.0, 2.0]))


def test_what_is_not_deterministic_is_refused_meanwhile():
    undetermined()
    with repeatable():
        with pytest.raises(RuntimeError, match="put_ does not have a deterministic implementation"):
            undetermined()
        with repeatable(strict=False), pytest.warns(UserWarning, match="put_ does not have"):
            undetermined()
        with pytest.raises(RuntimeError, match="put_ does not have"):
            undetermined()
    undetermined()
    assert torch.get_deterministic_debug_mode() == 0


def test_no_compiler_is_imported_for_it():
    """torch's takes longer than a minute of music does."""
    program = (
        "import sys; from gen.repeatable import repeatable\nwith repeatable(): print('torch._inductor' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
