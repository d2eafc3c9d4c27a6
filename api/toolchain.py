"""With what something was made, as records say it: the code, the packages that it calls, and the machine.

Whoever has the same of all three makes the same of the same.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from ledger.digest import Digest

PACKAGES = ("av", "librosa", "numba", "numpy", "python-stretch", "safetensors", "scipy", "soundfile", "soxr", "torch")


def packages() -> dict[str, str]:
    """The versions of the packages that training calls."""
    return {name: metadata.version(name) for name in PACKAGES}


def code_digest() -> Digest:
    """One digest over the generation core's own source: names and digests of its files, in order."""
    import gen

    folder = Path(gen.__file__).parent
    lines = [
        f"{Digest.of_file(path)}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".py", ".yaml"}
    ]
    return Digest.of("".join(lines).encode())


def machine(devices: Sequence[str] = ()) -> str:
    """The machine class on which a run can be repeated bit for bit: architecture, system, interpreter, and devices.

    devices: on which it learnt, one after the other; one process on the CPU is not said.
    """
    plain = f"{platform.machine()} {platform.system()} {platform.python_implementation()} {platform.python_version()}"
    return plain if list(devices) in ([], ["CPU"]) else f"{plain}, {', then '.join(devices)}"
