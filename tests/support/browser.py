"""A headless Chromium for tests, driven over a pair of pipes (Chrome DevTools Protocol, --remote-debugging-pipe): no
port, no driver, nothing but Python's own library.

    with Browser() as browser:
        browser.open("https://192.0.2.1:8443/recordings/17")
        browser.wait("document.title === 'Recording 17'")

Certificates are not checked: the gateway of a test has one of its own. What the page logs as an error, exceptions and
violations of its Content Security Policy are kept in `complaints`.
"""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE = float(os.environ.get("GATEHOUSE_TEST_PATIENCE", "1"))


def _high_pipe():
    """A pipe away from the numbers that the browser takes for its own."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends]
    for end in ends:
        os.close(end)
    return high


class Browser:
    def __init__(self, width=1280, height=900):
        self._profile = tempfile.mkdtemp(prefix="gatehouse-browser-")
        to_read, self._to = _high_pipe()
        self._from, to_write = _high_pipe()
        command = [
            "chromium", "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--ignore-certificate-errors",
            "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio", "--disable-extensions",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
            "--autoplay-policy=no-user-gesture-required", f"--window-size={width},{height}",
            f"--user-data-dir={self._profile}", "about:blank",
        ]
        # Descriptors 3 and 4, as the option wants them.
        script = f'exec 3<&{to_read} 4>&{to_write} {to_read}<&- {to_write}>&-; exec "$@"'
        environment = dict(os.environ, HOME=self._profile, XDG_CONFIG_HOME=self._profile, XDG_CACHE_HOME=self._profile)
        self._errors = open(os.path.join(self._profile, "errors"), "w+b")
        self._program = subprocess.Popen(
            ["bash", "-c", script, "browser", *command], pass_fds=(to_read, to_write), env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._errors)
        os.close(to_read)
        os.close(to_write)
        self._rest = b""
        self._number = 0
        self._session = None
        self.complaints = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._program.kill()  # its other processes end with it
        self._program.wait()
        os.close(self._to)
        os.close(self._from)
        self._errors.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _receive(self, deadline):
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._from, 1 << 20) if ready else b""
            if not piece:
                self._errors.seek(0)
                said = self._errors.read().decode(errors="replace")[-2000:]
                raise AssertionError(f"the browser {'is gone' if ready else 'does not answer'}: {said}")
            self._rest += piece
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def _note(self, message):
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(parameters["exceptionDetails"])[:600])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            # A refusal that is asked for is logged by the browser as well.
            if parameters["entry"].get("source") != "network":
                self.complaints.append(parameters["entry"]["text"][:600])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
            self.complaints.append(json.dumps(parameters["args"])[:600])

    def call(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 30 * PATIENCE
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def open(self, url):
        failed = self.call("Page.navigate", url=url).get("errorText")
        assert not failed, f"{url}: {failed}"

    def run(self, script):
        """What a script's expression is; promises are waited for."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{script}: {json.dumps(result['exceptionDetails'])[:800]}")
        return result["result"].get("value")

    def wait(self, script, what=None, seconds=20):
        """Until the expression is true; its value."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            try:
                value = self.run(script)
            except AssertionError:  # the page is not that far
                value = None
            if value:
                return value
            if time.monotonic() > deadline:
                page = self.run("document.body ? document.body.innerText.slice(0, 1500) : ''")
                raise AssertionError(f"{what or script} did not come.\nThe page says: {page}\nComplaints: {self.complaints}")
            time.sleep(0.1)

    def press(self, key, code=None, text=None):
        """One key, as a keyboard would."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key, **({"text": text} if text and kind == "keyDown" else {}))

    def type(self, text):
        self.call("Input.insertText", text=text)

    def picture(self, file, width=None, height=None, dark=False):
        """A screenshot of the page."""
        if width:
            self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        time.sleep(0.5)
        with open(file, "wb") as stream:
            stream.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
