from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from batch_analogy.garbage import importing


@pytest.fixture(autouse=True)
def thaw() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_searches_again_after_an_import_but_not_what_it_made() -> None:
    with importing():
        assert not gc.isenabled()
        made = [[]]  # type: ignore[var-annotated]
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert not any(found is made for found in gc.get_objects())


def test_does_not_start_a_search_that_was_switched_off() -> None:
    gc.disable()
    with importing():
        pass
    assert not gc.isenabled()


def test_searches_again_after_an_import_that_failed() -> None:
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()


def test_searches_again_after_two_threads_have_imported() -> None:
    together = Barrier(2)

    def work(_: int) -> None:
        with importing():
            together.wait(timeout=60)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    assert gc.isenabled()
