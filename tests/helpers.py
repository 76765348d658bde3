"""What several tests compare by, or break files with."""

from __future__ import annotations

import numpy as np

import linger as lg
from linger.tl._blocks import BlockData, Blocks

KINDS = ("trans", "cis", "binding")


def tables(mdata):
    """The three networks by (source, target)."""
    return {kind: lg.get.network(mdata, kind=kind).set_index(["source", "target"]).sort_index() for kind in KINDS}


def assert_same(one, other, rtol):
    """Compare networks; an edge that is missing has weight 0."""
    for kind in KINDS:
        a, b = one[kind]["weight"].align(other[kind]["weight"], fill_value=0)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * a.max(), err_msg=kind)


def damage_file(path, damage):
    """Flip a bit, cut the file in half, or remove it."""
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[-1] ^= 1
        path.write_bytes(data)
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    else:
        path.unlink()


def iterate_blocks(design, samples, *, block_size, device, manifold):
    """All blocks of a design, one after the other."""
    data = BlockData.of(design, samples, block_size=block_size, manifold=manifold)
    blocks = Blocks(data, device)
    for number in range(data.n_blocks):
        yield blocks[number]
