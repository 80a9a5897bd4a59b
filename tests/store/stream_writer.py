"""Commits pairs forever and says so after each commit; somebody kills it. Run as a program: PATH SEED."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from tests.store.parts import machine, on_file


def main() -> None:
    store = on_file(Path(sys.argv[1]))
    chosen = random.Random(int(sys.argv[2]))
    number = max((item.number for item in store.list(type(machine("m")))), default=-1) + 1
    while True:
        transaction = store.begin()
        # One commit is a pair, a change and sometimes the end of an older pair: half of it would be seen.
        transaction.put(machine(f"left-{number}", number=number))
        transaction.put(machine(f"right-{number}", number=number, tags={"padding": "x" * chosen.randrange(4000)}))
        transaction.put(machine("last", number=number))
        if number >= 10 and chosen.random() < 0.3:
            for side in ("left", "right"):
                old = transaction.get(type(machine("m")), f"{side}-{number - 10}")
                if old is not None:
                    transaction.delete(old)
        store.commit_now(transaction)
        os.write(1, f"{number}\n".encode())
        number += 1


if __name__ == "__main__":
    main()
