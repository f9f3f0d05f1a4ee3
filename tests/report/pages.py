"""What every page that the program writes must be: whole in itself, escaped, and readable by ear."""
import html.parser
import os
import re

# Nothing else may stand in a page: a mark from outside would be one more.
ELEMENTS = {"html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "h1", "h2", "h3", "h4", "p", "ul", "li", "a", "div", "table",
            "caption", "thead", "tbody", "tr", "th", "td", "code", "pre", "details", "summary", "noscript", "svg", "rect", "path", "text", "script"}


def read(*names):
    with open(os.path.join(*names), encoding="utf-8", newline="") as f:
        return f.read()


class Page(html.parser.HTMLParser):
    """Every element with its attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.depth = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def wrong(self):
        for tag, attrs in self.elements:
            if tag not in ELEMENTS or any(a.startswith("on") for a in attrs) or {"src", "srcset", "action", "data", "style"} & set(attrs):
                yield tag, attrs
            elif tag == "a" and not re.match(r"(#|https?://)", attrs.get("href", "")):
                yield tag, attrs

    def outside(self):
        return [(t, a) for t, a in self.elements if t in ("link", "img", "iframe", "object", "embed", "base")]

    def count(self, tag):
        return sum(t == tag for t, _ in self.elements)


def a_page_is_whole_in_itself(tap, path, what):
    text = read(path)
    page = Page(text)
    wrong = [*page.wrong(), *page.outside()]
    tap.ok(not wrong and page.count("script") == 1 and "url(" not in text and "@import" not in text, f"{what} needs nothing from elsewhere, and no text became a mark",
           "\n".join(map(str, wrong[:10])))
    tables = [i for i, (t, _) in enumerate(page.elements) if t == "table"]
    named = all(page.elements[i + 1][0] == "caption" for i in tables)
    headed = all(a.get("scope") in ("col", "row") for t, a in page.elements if t == "th")
    levels = [int(t[1]) for t, _ in page.elements if re.fullmatch("h[1-6]", t)]
    steps = all(b <= a + 1 for a, b in zip(levels, levels[1:]))
    tap.ok(tables and named and headed and levels[0] == 1 and levels.count(1) == 1 and steps and ("html", {"lang": "en"}) in page.elements,
           f"{what} can be heard: a language, headings in order, tables with captions and headed columns", f"{named} {headed} {levels[:20]}")
    return page


def markdown_tables_are_even(tap, text, what):
    uneven, columns, fenced = [], 0, False
    for line in text.split("\n"):
        fenced ^= line.startswith("```")
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") and not fenced else 0
        if cells and columns and cells != columns:
            uneven.append(line[:200])
        columns = cells
    tap.ok(not uneven, f"{what}: each row of a table has as many cells as its head", "\n".join(uneven[:5]))
