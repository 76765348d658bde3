"""Matrix products by the fastest engine there is.

torch hands float32 products to MKL, which uses half the vector width on AMD's processors, or, where it may compute in bfloat16, to
oneDNN, which uses all of it on any. Without matrix units for bfloat16 (AMX) oneDNN computes in float32 all the same, so that there the
permission costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from threading import Lock
from typing import Any

import torch
from torch import Tensor

_LOCK = Lock()
_users, _before = 0, ""


@contextmanager
def fast_products() -> Iterator[None]:
    """Let oneDNN compute float32 products on the CPU, where it keeps their precision; also a decorator."""
    with _permission() if _keeps_precision() else nullcontext():
        yield


@contextmanager
def _permission() -> Iterator[None]:
    """Allow bfloat16, for all threads, from when the first asks for it until the last is done."""
    global _users, _before
    with _LOCK:
        if not _users:
            settings = _settings()
            _before, settings.fp32_precision = settings.fp32_precision, "bf16"
        _users += 1
    try:
        yield
    finally:
        with _LOCK:
            _users -= 1
            if not _users:
                _settings().fp32_precision = _before


def _settings() -> Any:
    return torch.backends.mkldnn.matmul  # type: ignore[attr-defined]


@cache
def _keeps_precision() -> bool:
    """Return whether products are as exact with the permission: tried with values that bfloat16 cannot hold."""
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.backends.mkldnn, "matmul")):  # type: ignore[no-untyped-call]
        return False
    exact = torch.full((4, 64, 64), 1 + 2**-12)
    with _permission():
        products = torch.bmm(exact, exact), torch.mm(exact[0], exact[0])
    return all(torch.allclose(found, torch.tensor(64 * (1 + 2**-12) ** 2), rtol=1e-6) for found in products)


def matmul_t(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """Return ``a @ b.T``, computed in the precision of `b`.

    Parameters
    ----------
    a, b
        Matrices, n x k and m x k.
    out
        Memory for the result, by default new.

    Returns
    -------
    Matrix, n x m, of the precision of `a`.
    """
    if a.dtype == b.dtype:
        return torch.mm(a, b.T, out=out)
    product = torch.mm(a.to(b.dtype), b.T)
    return product.to(a.dtype) if out is None else out.copy_(product)
