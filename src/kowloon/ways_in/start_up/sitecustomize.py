"""Runs at the start of every Python under `kowloon run --proxy`: through a tunnel some clients trust what certifi says,
and no variable. Then the sitecustomize that stands behind this one on the path runs, as it would have."""

import importlib.machinery
import importlib.util
import os
import sys


def _trust(bundle: str) -> None:
    try:
        import certifi
    except ImportError:
        return
    certifi.where = lambda: bundle


def _run_next() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    others = [path for path in sys.path if os.path.abspath(path) != here]
    found = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if found is not None and found.loader is not None:
        found.loader.exec_module(importlib.util.module_from_spec(found))


if "KOWLOON_CA_BUNDLE" in os.environ:
    _trust(os.environ["KOWLOON_CA_BUNDLE"])
_run_next()
