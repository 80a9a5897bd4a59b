"""Shipped for users' own tests: a cloud in the test's process, official clients for it, and a pytest plugin.

Importing this is cheap: what a cloud is made of is imported when one is started.
"""

from kowloon.testing.callers import Caller
from kowloon.testing.cases import CloudTestCase
from kowloon.testing.cloud import LocalCloud
from kowloon.testing.denials import assert_denied

__all__ = ["Caller", "CloudTestCase", "LocalCloud", "assert_denied"]
