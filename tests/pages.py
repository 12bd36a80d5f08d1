"""Web pages with live demos in a real Chromium: what they ask for, what they complain of, and a server for them.

with served(folder) as address, opened(browser, f"{address}/fork.html") as demo:
    demo.ready()
    assert demo.asked == [] and demo.said == [] and demo.violations() == []
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from browser import READY_MS

# In each frame, before anything else: what its Content-Security-Policy has stopped.
LISTEN = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective));
"""


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that keeps no log."""

    def log_message(self, *_):
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server for the files of a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Opened:
    """A page; `own` are the beginnings of addresses that may be asked for, all else is cut off and counted."""

    def __init__(self, context, own: tuple[str, ...]):
        self.asked: list[str] = []
        self.said: list[str] = []
        self.own = own
        context.route("**/*", self._meet)
        context.add_init_script(LISTEN)
        self.page = context.new_page()
        self.page.set_default_timeout(READY_MS)
        self.page.on("console", lambda message: message.type in ("error", "warning") and self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def _meet(self, route):
        if route.request.url.startswith(self.own):
            return route.continue_()
        self.asked.append(route.request.url)
        return route.abort()

    def violations(self) -> list[str]:
        """The directives that something in a frame has run into."""
        return [found for frame in self.page.frames for found in frame.evaluate("window.violations")]

    def complaints(self) -> list[str]:
        """All that should not be: requests to elsewhere, errors and warnings, violations of the policy."""
        return self.asked + self.said + self.violations()


@contextmanager
def opened(browser, address: str, own: tuple[str, ...] = (), **options) -> Iterator[Opened]:
    """A page in a context of its own; it may ask for itself and for what is `own`."""
    context = browser.new_context(**options)
    page = Opened(context, own or (address.partition("#")[0],))
    page.page.goto(address)
    yield page
    context.close()


def wait(frame, question: str, arg=None):
    """Asks a frame until the answer is true; a page's policy forbids Playwright's own way, which is `eval`.

    Returns:
        The answer.
    """
    asking = f"""async (arg) => {{
      const ask = {question};
      const until = performance.now() + {READY_MS};
      for (;;) {{
        const answer = ask(arg);
        if (answer) return answer;
        if (performance.now() > until) throw new Error("waited in vain");
        await new Promise((next) => setTimeout(next, 20));
      }}
    }}"""
    return frame.evaluate(asking, arg)


def demo_ready(frame) -> None:
    """Waits until a demo is there."""
    frame.locator(".dilviz-live canvas").wait_for()
    wait(frame, "() => performance.getEntriesByName('dilviz:ready').length")
