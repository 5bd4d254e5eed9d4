import pytest
from harness import Driver, Local


@pytest.fixture
def driver(tmp_path):
    """A driver of its own, with the stub."""
    return Driver(tmp_path)


@pytest.fixture
def local(tmp_path):
    """S3 and Lambda on loopback, for drivers inside or outside of it. Skips where it is not built."""
    missing = Local.missing()
    if missing:
        pytest.skip(missing)
    local = Local(tmp_path)
    yield local
    local.stop()
