"""What every test stands on: one thread, no screen, a data folder of its own, a browser if there is one."""

import os
import signal
import tempfile

HOME = tempfile.TemporaryDirectory(prefix="dilviz-home-", ignore_cleanup_errors=True)
# Set before torch, pygame and Jupyter are imported: they read these once.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"
os.environ["DILVIZ_HOME"] = HOME.name
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())

import pytest  # noqa: E402
import torch  # noqa: E402
from browser import chromium  # noqa: E402

torch.set_num_threads(1)
# A shell that runs the tests in its background has them ignore Ctrl-C, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
NO_BROWSER = "no Chromium starts here"


@pytest.fixture(scope="module")
def browser():
    """A Chromium; without one the test is skipped, on CI it fails.

    A module's, not the session's: as long as it lives, Playwright's event loop runs, and no other can.
    """
    start = chromium()
    try:
        started = start.__enter__()
    except Exception as error:  # Playwright missing, no Chromium, or one that cannot start: all the same to a test
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing(f"{NO_BROWSER}: {str(error).strip().splitlines()[0]}")
    yield started
    start.__exit__(None, None, None)


def pytest_terminal_summary(terminalreporter):
    """Counts the tests that had no browser, so that nobody takes them for passed."""
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if NO_BROWSER in str(r.longrepr)]
    if skipped:
        terminalreporter.line(f"{len(skipped)} browser tests were skipped: {NO_BROWSER}")
