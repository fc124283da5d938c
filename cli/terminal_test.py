"""The interactive shell on a pseudo-terminal: prompt, history, editing, completion, interrupts.

Arguments: storpoolctl, fake_admin.
"""
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

PROGRAM, FAKE_ADMIN = sys.argv[1], sys.argv[2]
LIMIT_S = 60


def become_foreground():
    """As a login does: the terminal is its own, and an interrupt is not ignored, whatever the
    parent of the tests does with it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """storpoolctl on a terminal of 80 columns; what it writes is read as it comes."""

    def __init__(self, home, metadata, *arguments, **settings):
        leader, follower = pty.openpty()
        fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {"HOME": home, "TERM": "xterm", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin",
                       "STORPOOL_METADATA": metadata, **settings}
        self.process = subprocess.Popen([PROGRAM, *arguments], stdin=follower, stdout=follower,
                                        stderr=follower, env=environment, start_new_session=True,
                                        preexec_fn=become_foreground)
        os.close(follower)
        self.leader, self.text = leader, ""

    def read_until(self, wanted):
        """Until `wanted` has been written since the last call; returns all of that."""
        end = time.monotonic() + LIMIT_S
        while wanted not in self.text:
            ready, _, _ = select.select([self.leader], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"no {wanted!r} in {self.text!r}")
            try:
                piece = os.read(self.leader, 65536).decode(errors="replace")
            except OSError:
                piece = ""
            if not piece:
                raise AssertionError(f"ended without {wanted!r}: {self.text!r}")
            self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", piece)
        at = self.text.index(wanted) + len(wanted)
        read, self.text = self.text[:at], self.text[at:]
        return read

    def write(self, text):
        os.write(self.leader, text.encode())

    def end(self):
        """Until it has ended; returns its exit code."""
        code = self.process.wait(LIMIT_S)
        os.close(self.leader)
        return code


class TerminalTest(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp()
        self.admin = subprocess.Popen([FAKE_ADMIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)
        self.metadata = self.admin.stdout.readline().strip()

    def tearDown(self):
        self.admin.communicate()
        shutil.rmtree(self.home, ignore_errors=True)

    def open(self, *arguments, prompt="StorPool> ", **settings):
        terminal = Terminal(self.home, self.metadata, *arguments, **settings)
        terminal.read_until(prompt)
        return terminal

    def test_runs_commands_and_ends(self):
        terminal = self.open()
        terminal.write("volume db1 delete db1\n")
        terminal.read_until("OK\r\n")
        terminal.read_until("StorPool> ")
        terminal.write("volume nothing\n")
        terminal.read_until("Error: invalidParam: volume nothing:")
        terminal.read_until("StorPool> ")
        terminal.write("-r disk list\n")
        terminal.read_until("101\t1\t")
        terminal.write("exit\n")
        self.assertEqual(terminal.end(), 0)

    def test_ends_with_its_input(self):
        terminal = self.open()
        terminal.write("\x04")
        self.assertEqual(terminal.end(), 0)

    def test_has_the_prompt_of_the_settings(self):
        terminal = self.open(prompt="sofia 12> ", SP_CLI_PROMPT="sofia ${SP_OURID}", SP_OURID="12")
        terminal.write("quit\n")
        self.assertEqual(terminal.end(), 0)

    def test_edits_and_remembers_lines(self):
        terminal = self.open()
        terminal.write("volume db2 info\x01\x1bf\x1bf\x08" + "9" + "\n")  # db2 becomes db9
        terminal.read_until("db9\r\nglobalId")
        terminal.read_until("StorPool> ")
        terminal.write("exit\n")
        self.assertEqual(terminal.end(), 0)
        terminal = self.open()
        terminal.write("\x1b[A\x1b[A\n")  # the line before the last one
        terminal.read_until("db9\r\nglobalId")
        terminal.write("exit\n")
        self.assertEqual(terminal.end(), 0)

    def test_completes_words_and_names(self):
        terminal = self.open()
        terminal.write("vol\tw\t inf\t\n")
        terminal.read_until("web.root\r\nglobalId")
        terminal.read_until("StorPool> ")
        terminal.write("volume db1 re\t")
        listed = terminal.read_until("revert")
        for word in ("rebase", "rename", "replication"):
            self.assertIn(word, listed)
        terminal.write("\x15exit\n")
        self.assertEqual(terminal.end(), 0)

    def test_an_interrupt_ends_the_line_only(self):
        terminal = self.open()
        terminal.write("volume db1 del")
        terminal.read_until("volume db1 del")
        terminal.write("\x03")
        terminal.read_until("StorPool> ")
        terminal.write("volume db1 delete db1\n")
        terminal.read_until("OK\r\n")
        terminal.write("exit\n")
        self.assertEqual(terminal.end(), 0)

    def test_asks_before_it_propagates(self):
        terminal = self.open()
        terminal.write("template three update iops 5 propagate\n")
        terminal.read_until("Go on? (yes/no) ")
        terminal.write("no\n")
        terminal.read_until("nothing was changed")
        terminal.read_until("StorPool> ")
        terminal.write("exit\n")
        self.assertEqual(terminal.end(), 2)

    def test_a_command_can_be_interrupted(self):
        terminal = self.open("--watch", "task", "list", prompt="3 GiB")
        terminal.process.send_signal(signal.SIGINT)
        self.assertEqual(terminal.end(), -signal.SIGINT)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
