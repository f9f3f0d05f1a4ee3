"""A program in a pseudo-terminal, its screen as a terminal shows it (python3-pyte), and golden text of screens.

What differs from run to run (times, lengths, ports, folders) is replaced by fixed words before screens are compared; where lines are
wrapped is left out of the comparison, since a port of five digits wraps elsewhere than one of four. CM_GOLDEN=write writes them anew."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

from rehearsal import SRC

try:
    import pyte
except ImportError:
    pyte = None

SCREENS = os.path.join(SRC, "tests", "data", "screens")
LIMIT = 60


class Terminal:
    """argv in a terminal of its own. `raw`: every byte it wrote; `lines()`: what stands on the screen."""

    def __init__(self, argv, columns=80, rows=24, env=None, cwd=None):
        self.raw = b""
        self.status = None
        self.screen = pyte.HistoryScreen(columns, rows, history=5000)
        self.stream = pyte.ByteStream(self.screen)
        everything = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "TZ": "UTC", **(env or {})}
        everything = {k: v for k, v in everything.items() if v is not None}
        everything.pop("NO_COLOR", None) if not (env or {}).get("NO_COLOR") else None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if cwd:
                os.chdir(cwd)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(argv[0], argv, everything)

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, data):
        os.write(self.fd, data)

    def read(self, seconds):
        """What comes within this time; False: the program has ended."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.raw += data
        self.stream.feed(data)
        return bool(data)

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def everything(self):
        """The scrollback and the screen."""
        past = ["".join(row[x].data for x in sorted(row)).rstrip() for row in self.screen.history.top]
        return past + self.lines()

    def wait(self, seen, limit=LIMIT):
        """Until seen(text of the screen) is true. False: it ended, or never came."""
        until = time.monotonic() + limit
        while time.monotonic() < until:
            if seen(self.text()):
                return True
            if not self.read(0.1):
                return bool(seen(self.text()))
        return False

    def end(self, limit=LIMIT):
        """To its end; the exit status, -999 when it had to be killed."""
        until = time.monotonic() + limit
        while time.monotonic() < until and self.read(0.1):
            pass
        if self.status is None:
            late = time.monotonic() >= until
            if late:
                os.kill(self.pid, signal.SIGKILL)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            self.status = -999 if late else self.status
            os.close(self.fd)
        return self.status


CHANGES = [
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC", "HH:MM UTC"),
    (r"\b\d\d:\d\d(:\d\d)? UTC", "HH:MM UTC"),
    (r"\b\d\d:\d\d\b", "HH:MM"),
    (r"\b\d+ h \d\d min\b|\b\d+ min \d\d s\b|\b[\d.]+ (ms|s|min)\b(?! of)", "LENGTH"),
    (r"(127\.0\.0\.1|localhost):\d+", r"\1:PORT"),
    (r"session \d+ of", "session PID of"),
    (r"\(pid \d+", "(pid PID"),
    (r"\(\d+ more lines? (is|are) printed above\)", "(N more lines are printed above)"),
    (r"\bconnect_[0-9a-f]{10}\b", "connect"),
    (r"began with: [0-9a-f]+", "began with: KEY"),
    (r"-prod-[0-9a-f]{10}-[a-z0-9]{5}\b", "-prod-POD"),
]


def normal(text, *folders):
    """The text without what differs from run to run."""
    for n, folder in enumerate(folders):
        text = text.replace(folder, ("DIR", "OTHER")[n])
    for pattern, word in CHANGES:
        text = re.sub(pattern, word, text)
    return text


def golden(tap, name, text, title):
    """Compare with tests/data/screens/NAME.txt, but for where lines are wrapped."""
    path = os.path.join(SCREENS, name + ".txt")
    text = "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"
    if os.environ.get("CM_GOLDEN") == "write":
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    try:
        with open(path, encoding="utf-8") as f:
            want = f.read()
    except FileNotFoundError:
        want = ""
    flat = [" ".join(re.sub(r"[|]", " ", t).split()) for t in (text, want)]
    tap.ok(flat[0] == flat[1], title, f"--- {path}\n{want}\n+++ what was seen (CM_GOLDEN=write keeps it)\n{text}")
