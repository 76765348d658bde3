"""How much memory there is."""

from __future__ import annotations

from pathlib import Path

import psutil


def available_memory() -> int:
    """Return the bytes that this process can still take: what the machine has free, or less where a job or container has a limit."""
    process = psutil.Process()
    used = process.memory_info().rss
    return int(max(0, min([psutil.virtual_memory().available, *(limit - used for limit in _limits())])))


def _limits(groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """Return the limits of the control groups of this process (Linux: SLURM, containers), if any, of version 1 or 2."""
    lines = [line.split(":", 2) for line in groups.read_text().splitlines()] if groups.is_file() else []
    found = []
    for _, controllers, group in lines:
        if controllers in ("", "memory"):
            top = root / controllers
            inner = top / group.lstrip("/")
            name = "memory.limit_in_bytes" if controllers else "memory.max"
            found += [folder / name for folder in (inner, *inner.parents) if folder.is_relative_to(top)]
    texts = [file.read_text().strip() for file in found if file.is_file()]
    return [int(text) for text in texts if text.isdigit()]
