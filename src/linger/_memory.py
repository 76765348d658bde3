"""How much memory there is."""

from __future__ import annotations

from pathlib import Path

import psutil


def available_memory() -> int:
    """Return the bytes that this process can still take: what the machine has free, or less where a job or container has a limit."""
    process = psutil.Process()
    used = process.memory_info().rss
    return int(max(0, min([psutil.virtual_memory().available, *(limit - used for limit in _limits())])))


def _limits() -> list[int]:
    """Return the limits of the control groups of this process (Linux: SLURM, containers), if any."""
    try:
        group = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip().lstrip("/")
    except OSError:
        return []
    root = Path("/sys/fs/cgroup")
    files = [
        folder / "memory.max" for folder in ((root / group), *(root / group).parents) if folder.is_relative_to(root)
    ]
    found = [file.read_text().strip() for file in files if file.is_file()]
    return [int(limit) for limit in found if limit.isdigit()]
