"""The large products of the package, each by the fastest engine for the device."""

from __future__ import annotations

import torch
from torch import Tensor

# oneDNN's float32 product uses AVX-512 on every vendor's processor; the BLAS that torch links (MKL) falls back to AVX2 on AMD
# and reaches less than half the rate there. torch calls oneDNN for float32 only through this operator, the one its compiler emits.
_ONEDNN = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
_ONEDNN_LINEAR = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if _ONEDNN else None


def matmul_t(a: Tensor, b: Tensor) -> Tensor:
    """Return ``a @ b.T`` by the fastest engine for the device.

    Parameters
    ----------
    a, b
        Matrices, n x k and m x k; transposed views cost nothing extra.

    Returns
    -------
    Matrix, n x m.
    """
    if _ONEDNN_LINEAR is not None and a.device.type == "cpu" and a.dtype == torch.float32:
        return _ONEDNN_LINEAR(a, b, None, "none", [], "")
    return torch.mm(a, b.T)


def bmm_t(a: Tensor, b: Tensor) -> Tensor:
    """Return ``a[g] @ b[g].T`` for every g, a batch of one by :func:`matmul_t`.

    Parameters
    ----------
    a, b
        Batches of matrices, G x n x k and G x m x k.

    Returns
    -------
    Batch of matrices, G x n x m.
    """
    if len(a) == 1:
        return matmul_t(a[0], b[0])[None]
    return torch.bmm(a, b.transpose(1, 2))
