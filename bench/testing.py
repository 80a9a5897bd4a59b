"""What a cloud in a test costs: importing it, starting it, a reset, a call, a snapshot. `python bench/testing.py`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from alibabacloud_vpc20160428 import models

from kowloon.testing import LocalCloud

REPEATS = 50
OBJECTS = 1000


def timed_ms(work: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e3)
    return sorted(took)


def told(what: str, took_ms: list[float]) -> None:
    print(f"{what:<58} {statistics.median(took_ms):>8.2f} ms median {took_ms[-1]:>8.2f} ms worst of {len(took_ms)}")


def fresh_process_ms(statement: str) -> list[float]:
    program = f"import time; began = time.perf_counter(); {statement}; print((time.perf_counter() - began) * 1e3)"
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, check=True) for _ in range(7)]
    return sorted(float(run.stdout) for run in runs)


def make_networks(cloud: LocalCloud, count: int) -> None:
    client = cloud.client("vpc20160428", region="cn-hongkong")
    for number in range(count):
        request = models.CreateVpcRequest(region_id="cn-hongkong", cidr_block="10.0.0.0/8", vpc_name=f"n{number}")
        client.create_vpc(request)


def measure(cloud: LocalCloud, how: str) -> None:
    client = cloud.client("vpc20160428", region="cn-hongkong")
    request = models.DescribeVpcsRequest(region_id="cn-hongkong")
    told(f"a call of the official client, {how}", timed_ms(lambda: client.describe_vpcs(request), 300))
    told(f"a reset of nothing, {how}", timed_ms(cloud.reset))
    took = []
    for _ in range(10):
        make_networks(cloud, 5)
        took += timed_ms(cloud.reset, 1)
    told(f"a reset of five networks, {how}", sorted(took))
    bucket = cloud.administrator.bucket("letters")
    bucket.create_bucket()
    for number in range(OBJECTS):
        bucket.put_object(f"{number}", b"x" * 1000)
    bucket.put_object("large", b"x" * 10_000_000)
    make_networks(cloud, 100)
    cloud.save("start")
    cloud.run(cloud.cloud.snapshots.delete("start"))
    names = iter(range(20))
    told(
        f"a snapshot of {OBJECTS} objects and 100 networks is saved, {how}",
        timed_ms(lambda: cloud.save(f"s{next(names)}"), 10),
    )
    told("    and loaded", timed_ms(lambda: cloud.load("s3"), 10))


def main() -> None:
    told("import kowloon.testing, in a fresh process", fresh_process_ms("import kowloon.testing"))
    started = "from kowloon.testing import LocalCloud; LocalCloud().__enter__()"
    told("import and the first cloud, in a fresh process", fresh_process_ms(started))

    def start() -> None:
        with LocalCloud():
            pass

    told("another cloud, started and ended", timed_ms(start, 20))
    for sockets, how in ((True, "sockets"), (False, "in process")):
        with LocalCloud(sockets=sockets) as cloud:
            measure(cloud, how)


if __name__ == "__main__":
    main()
