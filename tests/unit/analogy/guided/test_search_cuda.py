"""Guided search in Triton: logic in the interpreter, compilation, and a GPU if there is one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from batch_analogy.analogy.guided import Guide, GuidedConfig, synthesise

triton = pytest.importorskip("triton", reason="this PyTorch build comes without Triton")

COMPARE = """
import torch
from batch_analogy.analogy.guided.search import cuda, reference
from batch_analogy.analogy.guided.search.spec import GuidedSearchSpec, radii_of

for patch, channels, occurrence_cost, coherence in [(3, 5, 0.0, 0.0), (5, 4, 1e5, 0.7)]:
    generator = torch.Generator().manual_seed(patch)

    def drawn(*shape, most):
        return torch.randint(0, most, shape, generator=generator)

    source = drawn(9, 12, channels, most=900).to(torch.int16)
    target = drawn(11, 8, channels, most=900).to(torch.int16)
    target[2:9, 1:7] = source[1:8, 5:11]
    usable = drawn(9, 12, most=8) > 0
    active = torch.where(drawn(11, 8, most=6) > 0, 2, drawn(11, 8, most=2)).to(torch.int8)
    places = usable.flatten().nonzero()[:, 0]
    chosen = places[drawn(11, 8, most=len(places))]
    nnf = torch.stack([chosen // 12, chosen % 12]).int()
    spec = GuidedSearchSpec(
        patch=patch, iterations=1, radii=radii_of(12), seed=4000000077,
        occurrence_cost=occurrence_cost, coherence=coherence,
    )
    found = cuda.search(source, target, nnf, usable, active, spec)
    expected = reference.search(source, target, nnf, usable, active, spec)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert not torch.equal(found[0], nnf)
    print("equal")
"""


@pytest.mark.long  # Triton's interpreter takes half a minute
def test_interpreted_kernel_equals_the_reference() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPARE],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["equal"] * 2


@pytest.mark.parametrize("kernel", ["_propagate", "_random_search"])
def test_kernel_compiles_for_hopper_gpus(kernel: str) -> None:
    """Compile for H100 and H200; no product may be fused with a sum."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from batch_analogy.analogy.guided.search import cuda

    function = getattr(cuda, kernel)
    names = function.arg_names
    shape = {**cuda._SHAPE, "REACH": 2, "C": 10, "COHERENT": 1, "COUNTED": 1}
    pointers = {
        **dict.fromkeys(("s", "t"), "*i16"),
        **dict.fromkeys(("usable", "active"), "*i8"),
        **dict.fromkeys(("used", "nnf", "difference", "nnf_new", "difference_new"), "*i32"),
        **{"costs": "*fp64", "radii": "*i32", "seed": "*i64"},
    }
    source = ASTSource(
        fn=function,
        signature={n: "constexpr" if n in shape else pointers.get(n, "i32") for n in names},
        constexprs={(names.index(name),): value for name, value in shape.items()},
    )
    compiled = triton.compile(
        source, target=GPUTarget("cuda", 90, 32), options={"enable_fp_fusion": False}
    )
    assert len(compiled.asm["cubin"]) > 1000
    assert "fma.rn.f64" not in compiled.asm["ptx"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_gpu_agrees_with_the_cpu(generator: torch.Generator) -> None:
    a, b = torch.rand(2, 3, 60, 70, generator=generator).split(1)
    config = GuidedConfig(rounds=2, iterations=2, coherence=0.5)
    expected = synthesise(a, [Guide(a, b)], config)
    found = synthesise(a.cuda(), [Guide(a.cuda(), b.cuda())], config)
    same = (found.field.cpu() == expected.field).all(dim=1).float().mean()
    assert float(same) > 0.99  # votes may round otherwise
    torch.testing.assert_close(found.cost.mean().cpu(), expected.cost.mean(), rtol=1e-3, atol=0)
