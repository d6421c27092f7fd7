"""Free memory is the tightest of what the machine, its containers and the process's limits leave."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nndsl.runtime.machine import FreeMemory, free_memory

MEGABYTE = 1 << 20
LEFT = {"machine": "the machine has left", "container": "its container has left"}


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_machine_without_limits_leaves_what_is_available(tmp_path):
    root = written(tmp_path, {"proc/meminfo": "MemTotal:  9000 kB\nMemAvailable:    4096 kB\n"})
    assert free_memory(root) == FreeMemory(4 * MEGABYTE, LEFT["machine"])


def test_a_container_of_version_2_leaves_its_limit_less_what_it_uses_and_can_not_give_back(tmp_path):
    root = written(
        tmp_path,
        {
            "proc/meminfo": "MemAvailable: 4096000 kB\n",
            "proc/self/cgroup": "0::/work/job\n",
            "sys/fs/cgroup/work/memory.max": f"{100 * MEGABYTE}\n",
            "sys/fs/cgroup/work/memory.current": f"{50 * MEGABYTE}\n",
            "sys/fs/cgroup/work/memory.stat": f"anon 5\ninactive_file {20 * MEGABYTE}\n",
            "sys/fs/cgroup/work/job/memory.max": "max\n",
            "sys/fs/cgroup/work/job/memory.current": f"{50 * MEGABYTE}\n",
        },
    )
    assert free_memory(root) == FreeMemory(70 * MEGABYTE, LEFT["container"])


def test_a_container_of_version_1_is_known(tmp_path):
    root = written(
        tmp_path,
        {
            "proc/meminfo": "MemAvailable: 4096000 kB\n",
            "proc/self/cgroup": "5:cpu:/\n4:memory:/docker/abc\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{30 * MEGABYTE}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{10 * MEGABYTE}\n",
        },
    )
    assert free_memory(root) == FreeMemory(20 * MEGABYTE, LEFT["container"])


def test_a_container_that_uses_more_than_its_limit_leaves_nothing(tmp_path):
    root = written(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "10\n",
            "sys/fs/cgroup/memory.current": "11\n",
        },
    )
    assert free_memory(root) == FreeMemory(0, LEFT["container"])


def test_a_limit_of_the_shell_counts():
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "from nndsl.runtime.machine import free_memory\n"
        "found = free_memory(); print(found.bytes < 2 << 30, found.bytes > 1 << 28, found.limit)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split(" ", 2)[:2] == ["True", "True"]
    assert "ulimit -v" in done.stdout
