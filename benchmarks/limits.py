"""Limit the CPU of processes, so that cores stay free for the programs that they need."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.servers import Problem

_ROOT = Path("/sys/fs/cgroup")
_PERIOD = 10_000  # microseconds; with Linux's own, 100 ms, a process that has used its share would pause for long


@contextmanager
def limited(processes: Sequence[int], share: float) -> Iterator[None]:
    """Limit each process to a share of a core, in a control group of its own, until the block ends.

    Args:
        processes: their ids. The threads of a process share its limit.
        share: the part of a core, as 0.25.

    Raises:
        Problem: this user may not make control groups of Linux for the CPU, version 1 or 2.
    """
    with ExitStack() as groups:
        try:
            for process in processes:
                _limit(process, share, groups)
        except OSError as error:
            raise Problem(f"The CPU of processes cannot be limited here: {error}") from None
        yield


def _limit(process: int, share: float, groups: ExitStack) -> None:
    first = _ROOT / "cpu"  # the CPU's controller has this folder in version 1, and none in version 2
    parent = first if first.is_dir() else _ROOT
    group = parent / f"todo-bench-{os.getpid()}-{process}"
    group.mkdir()
    groups.callback(_remove, group, parent)
    quota = round(_PERIOD * share)
    if parent == first:
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
    else:
        (group / "cpu.max").write_text(f"{quota} {_PERIOD}")
    (group / "cgroup.procs").write_text(str(process))


def _remove(group: Path, parent: Path) -> None:
    """Remove a group. Its processes go to the group above it, because a group with processes cannot be removed."""
    for process in (group / "cgroup.procs").read_text().split():
        (parent / "cgroup.procs").write_text(process)
    group.rmdir()
