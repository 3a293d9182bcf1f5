"""What the tests of uploads share with those of the resources."""

from tests.resources.conftest import body, served

__all__ = ["body", "served"]
