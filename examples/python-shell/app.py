"""A shell for Coracle's containers in Python: the world `coracle:container/shell`.

It knows enough to be useful: words with quotes and $NAME, `;`, `&&`, `||`, `|`,
`>` and `<`, the builtins cd, echo, exit, export, and every program of the
container. It shows that the built-in shell has nothing that another component
could not have.
"""

import re

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import file_system, files, processes

SPECIAL = ("&&", "||", "|", ";", "\n", ">", "<")
TOKEN = re.compile(rb"""(?:[^\s;&|<>'"\n]|'[^']*'|"[^"]*")+|&&|\|\||[|;<>\n]""")
ERRNO = {"noent": "No such file or directory", "acces": "Permission denied", "isdir": "Is a directory"}


class Shell:
    def __init__(self):
        self.open = {number: file for number, file in files.inherited()}
        self.variables = dict(entry.split(b"=", 1) for entry in processes.environment() if b"=" in entry)
        self.status = 0

    def write(self, number, text):
        file = self.open.get(number)
        while file and text:
            text = text[file.write(text):]

    def complain(self, text):
        self.write(2, b"pysh: " + text + b"\n")

    def expand(self, word):
        def value(match):
            if match[1] == b"?":
                return str(self.status).encode()
            return self.variables.get(match[1], b"")

        parts = re.findall(rb"""'([^']*)'|"([^"]*)"|([^'"]+)""", word)
        return b"".join(
            single or re.sub(rb"\$(\w+|\?)", value, double or plain) for single, double, plain in parts
        )

    def run(self, text):
        """Runs a whole script; answers the exit status."""
        command, connector = [], b";"
        for token in TOKEN.findall(text) + [b";"]:
            if token in (b";", b"\n", b"&&", b"||"):
                skip = (connector == b"&&" and self.status != 0) or (connector == b"||" and self.status == 0)
                if command and not skip:
                    self.pipeline(command)
                command, connector = [], token
            else:
                command.append(token)
        return self.status

    def pipeline(self, tokens):
        stages, stage = [], []
        for token in tokens:
            if token == b"|":
                stages.append(stage)
                stage = []
            else:
                stage.append(token)
        stages.append(stage)
        source, children = self.open.get(0), []
        for index, stage in enumerate(stages):
            last = index == len(stages) - 1
            reader, target = (None, self.open.get(1)) if last else files.pipe()
            pid = self.simple(stage, source, target, alone=len(stages) == 1)
            if pid is not None:
                children.append(pid)
            if not last:
                # Ours must go, or the reader would never see the end.
                target.__exit__(None, None, None)
            source = reader
        for pid in children:
            change = processes.wait(processes.ChildSelector_Process(pid), True, False)
            status = change.status
            self.status = status.value + 128 if isinstance(status, processes.ExitStatus_Signaled) else status.value

    def simple(self, tokens, source, target, alone):
        words, tokens = [], list(tokens)
        try:
            while tokens:
                token = tokens.pop(0)
                if token in (b"<", b">"):
                    name = self.expand(tokens.pop(0))
                    if token == b"<":
                        source = files.open(name, files.Access.READ, files.OpenFlags(0), files.StatusFlags(0), 0)
                    else:
                        flags = files.OpenFlags.CREATE | files.OpenFlags.TRUNCATE
                        target = files.open(name, files.Access.WRITE, flags, files.StatusFlags(0), 0o666)
                else:
                    words.append(self.expand(token))
        except Err as error:
            self.complain(name + b": " + self.reason(error))
            self.status = 1
            return None
        if not words:
            return None
        assignment = re.fullmatch(rb"(\w+)=(.*)", words[0], re.S)
        if alone and len(words) == 1 and assignment:
            self.variables[assignment[1]] = assignment[2]
            self.status = 0
            return None
        if alone and words[0] in (b"cd", b"exit", b"export"):
            self.builtin(words)
            return None
        return self.spawn(words, source, target)

    def reason(self, error):
        return ERRNO.get(error.value.name.lower(), error.value.name.lower()).encode()

    def builtin(self, words):
        self.status = 0
        if words[0] == b"exit":
            processes.exit(int(words[1]) if len(words) > 1 else 0)
        elif words[0] == b"cd":
            try:
                file_system.change_directory(words[1] if len(words) > 1 else self.variables.get(b"HOME", b"/"))
            except Err as error:
                self.complain(b"cd: " + self.reason(error))
                self.status = 1
        else:
            for word in words[1:]:
                name, _, value = word.partition(b"=")
                self.variables[name] = value

    def spawn(self, words, source, target):
        inherited = [(0, source), (1, target), (2, self.open.get(2))]
        request = processes.SpawnRequest(
            program=processes.Program_Search(words[0]),
            arguments=words,
            environment=[name + b"=" + value for name, value in self.variables.items()],
            working_directory=None,
            files=[(number, file) for number, file in inherited if file],
            group=processes.ProcessGroup_Inherit(),
            new_session=False,
            foreground=None,
            ignored=[],
            defaulted=[],
            umask=None,
            identity=None,
            nice=0,
            handover=b"",
        )
        try:
            return processes.spawn(request)
        except Err as error:
            missing = error.value.name == "NOENT"
            self.complain(words[0] + b": " + (b"not found" if missing else self.reason(error)))
            self.status = 127 if missing else 126
            return None

    def script(self, number):
        """Everything that is left in an open file."""
        text = b""
        while part := self.open[number].read(65536):
            text += part
        return text


class Exec(exports.Exec):
    def run(self, arguments):
        shell = Shell()
        if len(arguments) > 2 and arguments[1] == b"-c":
            return shell.run(arguments[2])
        if len(arguments) > 1:
            try:
                shell.open[3] = files.open(
                    arguments[1], files.Access.READ, files.OpenFlags(0), files.StatusFlags(0), 0
                )
            except Err as error:
                shell.complain(arguments[1] + b": " + shell.reason(error))
                return 127
            return shell.run(shell.script(3))
        return shell.run(shell.script(0))


class InteractiveShell(exports.InteractiveShell):
    def run(self, arguments):
        shell = Shell()
        while True:
            shell.write(1, b"pysh$ ")
            line = b""
            while not line.endswith(b"\n"):
                part = shell.open[0].read(4096)
                if not part:
                    return shell.status
                line += part
            shell.run(line)
