"""Music that the shipped instrument makes, made again as other classes of processors would."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import api.instrument
from gen.config import RATE
from gen.generate import Generator
from gen.levelling import Samples
from gen.request import GenerationRequest, Morph

WEIGHTS = Path(api.instrument.__file__).parent / "weights.safetensors"
OLDER = {
    "SSE4": {
        "NUMBA_CPU_NAME": "x86-64",
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR AVX2 FMA3 AVX512F AVX512CD AVX512_SKX",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F",
    },
    "AVX2": {
        "NUMBA_CPU_NAME": "haswell",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F",
    },
}
"""What tells numpy (its groups of instructions have other names since 2.4), torch, numba, the system's library and
what they multiply with to do without newer instructions."""


def apart(one: Samples, other: Samples) -> float:
    """How far below the one lies what the other differs by, in dB."""
    exact, differs = one.astype(np.float64), one.astype(np.float64) - other
    return float(10 * np.log10(np.sum(exact**2) / np.sum(differs**2)))


def make(path: Path) -> None:
    """A piece, and one that moves to another seed, which are longer than a part of the course and of the stream."""
    generator = Generator.load(WEIGHTS)
    requests = (GenerationRequest(20 * RATE, 3), GenerationRequest(5 * RATE, 4, morph=Morph(seed=5)))
    np.savez(path, *(generator.render(request).waveform.samples for request in requests))


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(OLDER))
def test_an_older_processor_makes_the_same_music(kind: str, tmp_path: Path) -> None:
    """To 90 dB, where 60 are asked for: what differs is rounded once, and hardly heard by what comes after it."""
    import torch

    if platform.machine() != "x86_64" or torch.backends.cpu.get_cpu_capability() in ("DEFAULT", kind):
        pytest.skip("this processor has none of the newer instructions")
    here, there = tmp_path / "here.npz", tmp_path / "there.npz"
    for path, settings in ((here, {}), (there, OLDER[kind] | {"NUMBA_CACHE_DIR": str(tmp_path)})):
        subprocess.run([sys.executable, __file__, path], env=os.environ | settings, check=True, timeout=300)
    with np.load(here) as own, np.load(there) as other:
        for name in own:
            assert not np.array_equal(own[name], other[name]), "nothing was done another way"
            assert apart(own[name], other[name]) > 90


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_gpu_makes_the_same_music(seed: int) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    request = GenerationRequest(20 * RATE, seed)
    one, two = (Generator.load(WEIGHTS, device).render(request).waveform.samples for device in ("cpu", "cuda"))
    assert apart(one, two) > 60


if __name__ == "__main__":
    make(Path(sys.argv[1]))
