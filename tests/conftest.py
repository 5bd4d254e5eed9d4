import functools
import signal

import pytest
from harness import Driver, Local

# Started in the background of a shell, make ignores Ctrl-C, and so would all that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Drivers that have run, each command once."""

    @functools.cache
    def made(*args):
        driver = Driver(tmp_path_factory.mktemp("made"))
        return driver, driver.run(*args)

    return made


@pytest.fixture
def driver(tmp_path, made):
    """A driver of its own, with the stub."""
    return Driver(tmp_path, made)


@pytest.fixture
def local(tmp_path):
    """S3 and Lambda on loopback, for drivers inside or outside of it. Skips where it is not built."""
    missing = Local.missing()
    if missing:
        pytest.skip(missing)
    local = Local(tmp_path)
    yield local
    local.stop()
