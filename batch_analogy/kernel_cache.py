"""A place for compiled kernels, on machines where the usual ones may not be written to.

Numba keeps compiled kernels beside the package or in the user's cache folder, and refuses to
compile where both are read-only, full or missing, as in many containers. Then they are kept in a
folder of this user among the temporary files, or, where nothing may be written, nowhere.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import stat
import sys
import tempfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

NUMBA_VARIABLE = "NUMBA_CACHE_DIR"
TRITON_VARIABLE = "TRITON_CACHE_DIR"
MIN_FREE_BYTES = 16 * 1024**2  # the compiled kernels take 4 MB

_DAMAGE = (UnpicklingError, EOFError, LookupError, ValueError, TypeError, AttributeError)
"""What Numba raises when it reads a file that is cut off."""

_HOW = f"set {NUMBA_VARIABLE} to a folder that keeps them, and later starts are faster"


@functools.cache
def settle_kernel_cache() -> str:
    """Choose where kernels are kept, before Numba is imported; child processes inherit it.

    Returns:
        What a user should know about that place, or "".
    """
    if importlib.util.find_spec("triton") is not None and not _keeps_triton():
        _use(TRITON_VARIABLE, "triton")
    if any(_has_room(folder) for folder in _numba_folders()):
        return ""
    folder = _use(NUMBA_VARIABLE, "numba")
    if folder is not None:
        return f"compiled kernels are kept in {folder}, as no other place has room; {_HOW}"
    _compile_without_cache()
    return f"kernels are compiled at each start, as there is no place to keep them; {_HOW}"


def _numba_folders() -> list[Path]:
    """Return the folders that Numba would use, in its order."""
    given, home = os.environ.get(NUMBA_VARIABLE), home_folder()
    beside = Path(__file__).parent / "analogy/correspondence/patchmatch/__pycache__"
    if sys.platform == "darwin":
        cache = home and home / "Library/Caches"
    else:
        named = os.environ.get("XDG_CACHE_HOME")
        cache = Path(named) if named else home and home / ".cache"
    return [*([Path(given)] if given else []), beside, *([cache / "numba"] if cache else [])]


def home_folder() -> Path | None:
    """Return the user's home folder; None for a user without one, as in many containers."""
    home = os.path.expanduser("~")
    return Path(home) if os.path.isabs(home) else None


def _keeps_triton() -> bool:
    given = os.environ.get(TRITON_VARIABLE)
    home = home_folder()
    if given or home is None:
        return bool(given)
    there = next(p for p in (home / ".triton", home, *home.parents) if p.is_dir())
    return os.access(there, os.W_OK)


def _has_room(folder: Path) -> bool:
    """Return True if files can be made in a folder, and its disk is not full."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        facts = os.statvfs(folder)
    except OSError:
        return False
    return facts.f_bavail * facts.f_frsize >= MIN_FREE_BYTES


def _use(variable: str, name: str) -> Path | None:
    """Let kernels be kept in a temporary folder of this user; None if there is none."""
    try:
        folder = _private_folder(Path(tempfile.gettempdir())) / name
    except OSError:
        return None
    if not _has_room(folder):
        return None
    os.environ[variable] = str(folder)
    if name == "numba" and "numba" in sys.modules:  # it read the variable when it was imported
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    return folder


def _private_folder(parent: Path) -> Path:
    """Make a folder that no other user can write to: what lies in it is executed.

    Raises:
        OSError: it cannot be made, or belongs to another user.
    """
    folder = parent / f"batch-analogy-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        facts = folder.lstat()
        own = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()
        if not own or facts.st_mode & 0o022:
            return Path(tempfile.mkdtemp(prefix="batch-analogy-", dir=parent))
    return folder


def _compile_without_cache() -> None:
    """Let Numba compile in memory what it may not keep."""
    from numba.core.dispatcher import Dispatcher

    enable_caching = Dispatcher.enable_caching

    def enable_if_possible(kernel: Any) -> None:
        with contextlib.suppress(RuntimeError):  # no locator available
            enable_caching(kernel)

    setattr(Dispatcher, "enable_caching", enable_if_possible)  # noqa: B010  mypy forbids the other


def compile_what_is_damaged() -> None:
    """Let Numba compile again what it cannot read: a power loss or a full disk cuts files off."""
    from numba.core.caching import IndexDataCacheFile

    load = IndexDataCacheFile.load

    def load_if_whole(file: Any, key: Any) -> Any:
        try:
            return load(file, key)
        except _DAMAGE:
            with contextlib.suppress(OSError):
                file.flush()  # forgets what lies there
            return None

    setattr(IndexDataCacheFile, "load", load_if_whole)  # noqa: B010  mypy forbids the other
