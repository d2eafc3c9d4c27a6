"""The conditions under which the same seed gives the same bits."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import numpy as np
import torch


@contextmanager
def repeatable(strict: bool = True) -> Iterator[None]:
    """One thread and deterministic algorithms while it lasts; what was set before is set again at its end.

    strict: refuse what has no deterministic algorithm; else it is done as it can be, as some things on a GPU must be.

    These settings belong to the process, so work on torch in other threads is slowed down meanwhile, not changed; and
    what begins within another's time has to end within it. New memory is not filled, as torch does besides: nobody
    reads what nobody wrote. cuBLAS multiplies with the same bits only in a workspace of fixed size (NVIDIA, cuBLAS:
    Results Reproducibility), which it reads of in the environment when it is first used: so that stays set, as it is or
    else here.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    threads = torch.get_num_threads()
    # Not torch.use_deterministic_algorithms, which sets the same and first imports a compiler for a second.
    mode = torch.get_deterministic_debug_mode()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.set_num_threads(1)
    torch.set_deterministic_debug_mode("error" if strict else "warn")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
        torch.set_deterministic_debug_mode(mode)
        torch.set_num_threads(threads)


@contextmanager
def faithful() -> Iterator[None]:
    """On a GPU, while it lasts, what the processor makes but for float32's rounding; one thread on the processor.

    Else the factors of convolutions, and by some settings of products, are cut to ten bits (TensorFloat-32), and cuDNN
    tries out which algorithm is fastest.
    """
    threads, cut = torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32
    torch.set_num_threads(1)
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = cut
        torch.set_num_threads(threads)


def machine_class(device: str = "cpu") -> str:
    """On what the same seed gives the same bits: system, processor, its vector instructions, and what reckons.

    device: where music is rendered. A GPU is named; on it the bits are not promised, but what the processor makes to
    within rounding.
    """
    fields = (
        platform.machine(),
        platform.system(),
        _processor(),
        str(torch.backends.cpu.get_cpu_capability()),
        f"torch {torch.__version__}",
        f"numpy {np.__version__}",
        f"numba {metadata.version('numba')}",
        f"scipy {metadata.version('scipy')}",
        _onnx() if device == "cpu" else torch.cuda.get_device_name(device),
    )
    return ", ".join(field for field in fields if field)[:200]


def _onnx() -> str:
    """What renders some vocoders where it is installed."""
    try:
        return f"onnxruntime {metadata.version('onnxruntime')}"
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    """The processor's model as Linux tells it; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
