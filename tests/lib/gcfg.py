"""Connect's configuration format, read by its measured grammar and by nothing of the program: names compare without case, sub-sections
with it; a comment begins with ';' or '#' outside of quotes; quotes open and close anywhere in a value; inside of them \\\\ \\" \\n \\t;
outside of them a backslash only before a quote or a line's end; a key without '=' is true, and ends what a list had before it."""


class Unreadable(Exception):
    pass


class Setting:
    def __init__(self, section, sub, key, value, line):
        self.section, self.sub, self.key, self.value, self.line = section.lower(), sub, key.lower(), value, line

    @property
    def name(self):
        return self.section, self.sub, self.key


class Reader:
    def __init__(self, text):
        if "\0" in text:
            raise Unreadable("a NUL byte")
        self.text = text[1:] if text.startswith("\ufeff") else text
        self.at, self.line = 0, 1

    def here(self):
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self):
        c = self.here()
        self.at += 1
        self.line += c == "\n"
        return c

    def blanks(self):
        while self.here() and self.here() in " \t\r":
            self.take()

    def name(self):
        begin = self.at
        while self.here().isalpha() or (self.at > begin and (self.here().isdecimal() or self.here() == "-")):
            self.take()
        if self.at == begin:
            raise Unreadable(f"line {self.line}: no name")
        return self.text[begin:self.at]

    def rest(self):
        """A comment, or nothing, up to the line's end."""
        self.blanks()
        if self.here() and self.here() not in ";#\n":
            raise Unreadable(f"line {self.line}: {self.here()!r}")
        while self.here() and self.here() != "\n":
            self.take()
        self.take()

    def escape(self, quoted):
        self.take()
        c = self.take()
        if not quoted and c == "\r" and self.here() in ('"', "\n"):
            c = self.take()
        if quoted and c and c in 'nt"\\':
            return {"n": "\n", "t": "\t"}.get(c, c)
        if not quoted and c and c in '"\n':
            return c if c == '"' else ""
        raise Unreadable(f"line {self.line}: a backslash before {c!r}")

    def value(self):
        out, quoted, solid = [], False, 0
        self.blanks()
        while self.here() and (quoted or self.here() not in ";#\n"):
            c = self.here()
            if c == "\\":
                out.append(self.escape(quoted))
                solid = len(out)
            elif c == '"':
                quoted = not quoted
                solid = len(out)
                self.take()
            elif quoted and c == "\n":
                raise Unreadable(f"line {self.line}: a line break in quotes")
            else:
                self.take()
                if c != "\r":
                    out.append(c)
                    solid = len(out) if quoted or c not in " \t" else solid
        if quoted:
            raise Unreadable(f"line {self.line}: quotes that do not close")
        return "".join(out[:solid])

    def header(self):
        self.take()
        self.blanks()
        section, sub = self.name(), None
        self.blanks()
        if self.here() == '"':
            self.take()
            letters = []
            while self.here() != '"':
                if self.here() in ("", "\n"):
                    raise Unreadable(f"line {self.line}: a header that does not close")
                if self.here() == "\\":
                    self.take()
                    if self.here() not in ('"', "\\"):
                        raise Unreadable(f"line {self.line}: a backslash before {self.here()!r}")
                letters.append(self.take())
            self.take()
            self.blanks()
            sub = "".join(letters)
            if not sub:
                raise Unreadable(f"line {self.line}: a sub-section without a name")
        if self.take() != "]":
            raise Unreadable(f"line {self.line}: a header that does not close")
        return section, sub

    def settings(self):
        section = None
        while self.at < len(self.text):
            self.blanks()
            if self.here() == "[":
                section = self.header()
            elif self.here() and self.here() not in ";#\n":
                line, key, value = self.line, self.name(), None
                self.blanks()
                if self.here() == "=":
                    self.take()
                    value = self.value()
                if section is None:
                    raise Unreadable(f"line {line}: no section")
                yield Setting(*section, key, value, line)
            self.rest()


def read(text):
    """All settings in their order; value None is a key without '='."""
    return list(Reader(text).settings())


def in_force(settings):
    """{name: [values]}: of a key without '=', what stands before it no longer counts, and alone it is true."""
    found = {}
    for s in settings:
        if s.value is None:
            found[s.name] = [None]
        elif found.get(s.name) == [None]:
            found[s.name] = [s.value]
        else:
            found.setdefault(s.name, []).append(s.value)
    return {name: ["true"] if values == [None] else values for name, values in found.items()}


def quoted(text):
    """As it has to stand for this value; a carriage return cannot."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
