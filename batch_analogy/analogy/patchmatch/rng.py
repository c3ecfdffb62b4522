"""The random numbers of PatchMatch: one counter-based hash, the same in every kernel.

Official code seeds by column only, so a column's cells share their draws (facts §2). Here each
(seed, iteration, radius, cell) has draws of its own and no state is kept: results depend neither
on thread count nor on the order of work, and all kernels try the same candidates.
"""

from __future__ import annotations

import hashlib

MIX_1 = 0x7FEB352D  # multipliers of a well-tested 32-bit integer hash ("lowbias32", C. Wellons)
MIX_2 = 0x846CA68B
STRIDE = 0x9E3779B9  # 2³² / golden ratio: spreads consecutive draw numbers
MASK = 0xFFFFFFFF


def derive_seed(*parts: int | str) -> int:
    """A 32-bit seed from any numbers and names, e.g. (run seed, level, direction)."""
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2s(text, digest_size=4).digest(), "little")
