import pytest
from harness import Driver


@pytest.fixture
def driver(tmp_path):
    """A driver of its own, with the stub."""
    return Driver(tmp_path)
