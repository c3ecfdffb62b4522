"""The Triton kernel: its logic in Triton's interpreter, its compilation, and a GPU if there is one.

The interpreter is chosen by an environment variable that Triton reads when a kernel is defined,
so those tests run in a process of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from batch_analogy.analogy.features import unit_features
from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.analogy.patchmatch import SearchSpec, cpu, search

triton = pytest.importorskip("triton", reason="this PyTorch build comes without Triton")

COMPARE = """
import torch
from batch_analogy.analogy.features import unit_features
from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.analogy.patchmatch import SearchSpec, cuda, reference

channels, size, target_size, patch, radius = {case}
generator = torch.Generator().manual_seed(5)
source = unit_features(torch.rand(2, channels, *size, generator=generator))
target = unit_features(torch.rand(2, channels, *target_size, generator=generator))
initial = initial_nnf(size, target_size).repeat(2, 1, 1, 1)
spec = SearchSpec(patch=patch, radius=radius, iterations=1, seed=4_000_000_007)
nnf, cost = reference.search(source, target, initial, spec)
found_nnf, found_cost = cuda.search(source, target, initial, spec)
torch.testing.assert_close(found_cost, cost, atol=1e-6, rtol=0)
assert torch.equal(found_nnf, nnf)
assert not torch.equal(nnf, initial)
print("equal")
"""

CASES = [
    (70, (6, 7), (9, 5), 3, 4),  # more channels than one block
    (4, (2, 2), (1, 3), 5, 1),  # smaller than the patch
    (5, (7, 10), (6, 6), 3, 0),  # no random search; more cells than one block
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_interpreted_kernel_gives_the_references_answer(case: tuple) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPARE.format(case=case)],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "equal"


@pytest.mark.parametrize("kernel", ["_initial_costs", "_propagate", "_random_search"])
def test_kernel_compiles_for_a_gpu_that_is_not_here(kernel: str) -> None:
    """Machine code for compute capability 9.0 (H100, H200), made by Triton's own compiler."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from batch_analogy.analogy.patchmatch import cuda

    function = getattr(cuda, kernel)
    shape = {"REACH": 2, "CELLS": cuda.BLOCK_CELLS, "CHANNELS": cuda.BLOCK_CHANNELS}
    pointers = {"s": "*fp32", "t": "*fp32", "nnf": "*i32", "nnf_new": "*i32", "cost": "*fp32"}
    pointers |= {"cost_new": "*fp32", "radii": "*i32", "seed": "*i64"}
    names = function.arg_names
    source = ASTSource(
        fn=function,
        signature={n: "constexpr" if n in shape else pointers.get(n, "i32") for n in names},
        constexprs={(names.index(name),): value for name, value in shape.items()},
    )
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32))
    assert len(compiled.asm["cubin"]) > 1000


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_gpu_gives_the_cpu_kernels_answer(generator: torch.Generator) -> None:
    source = unit_features(torch.rand(2, 96, 33, 47, generator=generator))
    target = unit_features(torch.rand(2, 96, 40, 31, generator=generator))
    initial = initial_nnf((33, 47), (40, 31)).repeat(2, 1, 1, 1)
    spec = SearchSpec(patch=5, radius=8, iterations=5, seed=11)
    nnf, cost = cpu.search(source, target, initial, spec)
    found = [search(source.cuda(), target.cuda(), initial.cuda(), spec) for _ in range(2)]
    torch.testing.assert_close(found[0][1].cpu(), cost, atol=1e-5, rtol=0)
    assert float((found[0][0].cpu() != nnf).float().mean()) < 0.001  # ties may fall either way
    assert torch.equal(found[0][0], found[1][0])
