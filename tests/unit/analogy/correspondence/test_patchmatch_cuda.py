"""The Triton kernel: its logic in Triton's interpreter, its compilation, and a GPU if there is one.

The interpreter is chosen by an environment variable that Triton reads when a kernel is defined,
so those tests run in a process of their own, one for all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from batch_analogy.analogy.correspondence.patchmatch import Prior, SearchSpec, cpu, search
from batch_analogy.analogy.features.pictures import unit_features
from batch_analogy.analogy.nnf import initial_nnf

triton = pytest.importorskip("triton", reason="this PyTorch build comes without Triton")

COMPARE = """
import ast, sys, traceback
import torch
from batch_analogy.analogy.features.pictures import unit_features
from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.analogy.correspondence.patchmatch import Prior, SearchSpec, cuda, reference

def compare(channels, size, target_size, patch, radius, weight, dtype, fine_from):
    cuda._FINE_MAP_CELLS = fine_from
    generator = torch.Generator().manual_seed(5)
    source = unit_features(torch.rand(2, channels, *size, generator=generator))
    target = unit_features(torch.rand(2, channels, *target_size, generator=generator))
    source, target = (x.to(getattr(torch, dtype)) for x in (source, target))
    initial = initial_nnf(size, target_size).repeat(2, 1, 1, 1)
    spec = SearchSpec(patch=patch, radius=radius, iterations=2, seed=(4_000_000_007, 3))
    prior = None
    if weight:
        reach = torch.tensor(target_size).view(1, 2, 1, 1) + 1.0
        prior = Prior(
            expected=torch.rand(2, 2, *size, generator=generator).mul(reach * 4).round() / 4 - 0.5,
            weight=torch.rand(2, 1, *size, generator=generator) * weight,
            radius=2.5,
        )
    nnf, cost = reference.search(source.float(), target.float(), initial, spec, prior)
    found_nnf, found_cost = cuda.search(source, target, initial, spec, prior)
    torch.testing.assert_close(found_cost, cost, atol=1e-6, rtol=0)
    assert torch.equal(found_nnf, nnf)
    assert not torch.equal(nnf, initial) and not torch.equal(nnf[0], nnf[1])
    if weight:
        free, _ = reference.search(source.float(), target.float(), initial, spec)
        assert not torch.equal(free, nnf)

for line in sys.stdin:
    try:
        compare(*ast.literal_eval(line))
    except AssertionError:
        traceback.print_exc()
        print("different", flush=True)
    else:
        print("equal", flush=True)
"""

CASES = [  # channels, size, target size, patch, radius, weight of the prior, maps, fine from, cells
    (70, (5, 6), (7, 5), 3, 3, 0.0, "float32", 1 << 15),  # a row that no block width divides
    (4, (2, 2), (1, 3), 5, 1, 0.0, "float32", 1 << 15),  # smaller than the patch
    (5, (5, 6), (6, 4), 3, 0, 0.0, "float32", 0),  # no random search; several large tiles
    (32, (5, 6), (6, 5), 5, 2, 0.05, "float32", 0),  # a weak prior
    (70, (5, 6), (6, 5), 3, 2, 1.0, "float32", 1 << 15),  # a strong prior
    (16, (5, 6), (6, 5), 5, 1, 0.1, "float16", 1 << 15),
    (16, (5, 6), (6, 5), 3, 1, 0.0, "bfloat16", 0),
]


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[tuple], str]]:
    """Run a case in a process with Triton's interpreter and return its report."""
    errors = tmp_path_factory.mktemp("interpreted") / "errors"
    with errors.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", COMPARE],
            env={**os.environ, "TRITON_INTERPRET": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )

    def compare(case: tuple) -> str:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{case}\n")
        process.stdin.flush()
        found = process.stdout.readline().strip()
        return found if found == "equal" else found + errors.read_text()

    with process:
        yield compare


QUICK = (CASES[1], CASES[6])  # the interpreter takes half a minute or more for each of the others


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case in QUICK else pytest.mark.long) for case in CASES],
    ids=str,
)
def test_interpreted_kernel_equals_the_reference(
    case: tuple, interpreted: Callable[[tuple], str]
) -> None:
    assert interpreted(case) == "equal"


LEVELS_COMPILED = [  # cells, channels, patch, element, prior
    (448 * 448, 32, 5, "fp32", True),
    (448 * 448, 32, 5, "fp16", True),
    (112 * 112, 512, 3, "fp32", True),
    (28 * 28, 512, 3, "bf16", False),
]


@pytest.mark.parametrize("capability", [80, 90], ids=["A100", "H100 and H200"])
@pytest.mark.parametrize("level", LEVELS_COMPILED, ids=str)
@pytest.mark.parametrize("kernel", ["_initial_costs", "_propagate", "_random_search"])
def test_kernel_compiles_for_a_gpu_without_having_one(
    kernel: str, level: tuple, capability: int
) -> None:
    """Triton's own compiler produces machine code that reads the maps 16 bytes at a time."""
    compiled = compile_kernel(kernel, level, capability)
    assert len(compiled.asm["cubin"]) > 1000
    wide = [line for line in compiled.asm["ptx"].splitlines() if "ld.global.v4.b32" in line]
    assert len(wide) >= 2


def compile_kernel(kernel: str, level: tuple, capability: int) -> Any:
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from batch_analogy.analogy.correspondence.patchmatch import cuda

    cells, channels, patch, element, prior = level
    function = getattr(cuda, kernel)
    names = function.arg_names
    shape = cuda.block_shape(cells, 4 if element == "fp32" else 2)
    shape |= {"REACH": patch // 2, "C": channels, "PRIOR": int(prior)}
    maps = {"s": f"*{element}", "t": f"*{element}", "expected": "*fp32", "weight": "*fp32"}
    fields = {"nnf": "*i32", "cost": "*fp32", "changed": "*i32", "candidates": "*i32"}
    pointers = maps | fields | {f"{name}_new": kind for name, kind in fields.items()}
    pointers |= {"radii": "*i32", "seeds": "*i64"}
    types = pointers | {"per_square": "fp32"}
    aligned = {(names.index(n),): [["tt.divisibility", 16]] for n in pointers if n in names}
    source = ASTSource(
        fn=function,
        signature={n: "constexpr" if n in shape else types.get(n, "i32") for n in names},
        constexprs={(names.index(name),): value for name, value in shape.items()},
        attrs=aligned,
    )
    return triton.compile(source, target=GPUTarget("cuda", capability, 32))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("weight", [0.0, 0.05], ids=["no prior", "prior"])
def test_gpu_equals_the_cpu_kernel(generator: torch.Generator, weight: float) -> None:
    source = unit_features(torch.rand(2, 96, 33, 47, generator=generator))
    target = unit_features(torch.rand(2, 96, 40, 31, generator=generator))
    initial = initial_nnf((33, 47), (40, 31)).repeat(2, 1, 1, 1)
    spec = SearchSpec(patch=5, radius=8, iterations=5, seed=11)
    prior, on_gpu = None, None
    if weight:
        prior = Prior(initial.float() + 3.25, torch.full((2, 1, 33, 47), weight), radius=4.0)
        on_gpu = Prior(prior.expected.cuda(), prior.weight.cuda(), prior.radius)
    nnf, cost = cpu.search(source, target, initial, spec, prior)
    maps = source.cuda(), target.cuda(), initial.cuda()
    found = [search(*maps, spec, on_gpu) for _ in range(2)]
    torch.testing.assert_close(found[0][1].cpu(), cost, atol=1e-5, rtol=0)
    assert float((found[0][0].cpu() != nnf).float().mean()) < 0.001  # ties may fall either way
    assert torch.equal(found[0][0], found[1][0])
