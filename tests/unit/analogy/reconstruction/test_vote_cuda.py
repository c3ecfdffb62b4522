"""The Triton vote: its logic in the interpreter, its compilation, and a GPU if there is one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from batch_analogy.analogy.reconstruction.vote import reference, vote

triton = pytest.importorskip("triton", reason="this PyTorch build comes without Triton")

COMPARE = """
import torch
from batch_analogy.analogy.reconstruction.vote import cuda
from batch_analogy.analogy.reconstruction.vote import reference

for items, channels, patch, weighted in [(2, 70, 3, True), (1, 3, 5, False), (2, 16, 1, True)]:
    generator = torch.Generator().manual_seed(5)
    values = torch.rand(items, channels, 4, 7, generator=generator)
    nnf = torch.stack(
        [
            torch.randint(0, 4, (2, 5, 6), generator=generator),
            torch.randint(0, 7, (2, 5, 6), generator=generator),
        ],
        dim=1,
    ).int()
    weight = torch.rand(2, 1, 5, 6, generator=generator) + 0.02 if weighted else None
    found = cuda.vote(values, nnf, patch, weight)
    torch.testing.assert_close(found, reference.vote(values, nnf, patch, weight), atol=1e-6, rtol=0)
    print("equal")
"""


def test_interpreted_kernel_equals_the_reference() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPARE],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["equal"] * 3


@pytest.mark.parametrize("capability", [80, 90], ids=["A100", "H100 and H200"])
def test_kernel_compiles_for_a_gpu_without_having_one(capability: int) -> None:
    """Triton's own compiler produces machine code that reads the map 16 bytes at a time."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from batch_analogy.analogy.reconstruction.vote import cuda

    names = cuda._vote.arg_names
    shape = {"C": 64, "REACH": 2, "CELLS": cuda._CELLS, "CHUNK": 64}
    pointers = {"values": "*fp32", "nnf": "*i32", "weight": "*fp32", "out": "*fp32"}
    source = ASTSource(
        fn=cuda._vote,
        signature={n: "constexpr" if n in shape else pointers.get(n, "i32") for n in names},
        constexprs={(names.index(name),): value for name, value in shape.items()},
        attrs={(names.index(n),): [["tt.divisibility", 16]] for n in pointers},
    )
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32))
    assert len(compiled.asm["cubin"]) > 1000
    assert "ld.global.v4.b32" in compiled.asm["ptx"]
    assert "st.global.v4.b32" in compiled.asm["ptx"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_gpu_equals_the_reference(generator: torch.Generator) -> None:
    values = torch.rand(3, 64, 33, 47, generator=generator)
    nnf = torch.randint(0, 33, (3, 2, 40, 31), generator=generator).int()
    expected = reference.vote(values, nnf, 5)
    found = vote(values.cuda(), nnf.cuda(), 5)
    torch.testing.assert_close(found.cpu(), expected, atol=1e-6, rtol=0)
