/* Changes that a person's editor would make, for text made of lines: lines put in, taken out, doubled, moved, shifted by columns; words
 * at the places where YAML looks for them; line breaks, marks and ends of other systems. They reach what changed bytes alone hardly do,
 * since most of their results still are files. Used by the replay (replay.h) and, as its custom mutator, by libFuzzer. */
#ifndef CM_TESTS_FUZZ_MUTATE_H
#define CM_TESTS_FUZZ_MUTATE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static uint32_t mutate_seed = 1;

static uint32_t mutate_chance(uint32_t n)
{
    mutate_seed = mutate_seed * 1664525u + 1013904223u;
    return (mutate_seed >> 8) % n;
}

struct mutate { char *text; size_t n, max; };

static const char *mutate_one_of(const char *const *words)
{
    uint32_t n = 0;
    while (words[n])
        n++;
    return words[mutate_chance(n)];
}

/* Take `cut` bytes out and put some in; what does not fit is left. */
static void mutate_splice(struct mutate *m, size_t at, size_t cut, const char *put, size_t add)
{
    if (m->n - cut + add > m->max)
        return;
    memmove(m->text + at + add, m->text + at + cut, m->n - at - cut);
    memcpy(m->text + at, put, add);
    m->n += add - cut;
}

static size_t mutate_line_end(const struct mutate *m, size_t at)
{
    while (at < m->n && m->text[at++] != '\n')
        ;
    return at;
}

static size_t mutate_line_begin(const struct mutate *m, size_t at)
{
    while (at > 0 && m->text[at - 1] != '\n')
        at--;
    return at;
}

static size_t mutate_some_line(const struct mutate *m) { return mutate_line_begin(m, mutate_chance((uint32_t)m->n + 1)); }

static size_t mutate_indent(const struct mutate *m, size_t line)
{
    size_t n = 0;
    while (line + n < m->n && m->text[line + n] == ' ')
        n++;
    return n;
}

static size_t mutate_block_end(const struct mutate *m, size_t at)
{
    for (uint32_t k = mutate_chance(mutate_chance(3) ? 2 : 9) + 1; k > 0; k--)
        at = mutate_line_end(m, at);
    return at;
}

static void mutate_put_line(struct mutate *m, const char *const *lines)
{
    size_t at = mutate_some_line(m), indent = mutate_indent(m, at), put = mutate_chance(4) ? 0 : mutate_chance(3);
    const char *line = mutate_one_of(lines);
    char whole[300];
    indent = mutate_chance(2) ? indent + put : indent > put ? indent - put : 0;
    if (indent > 100 || strlen(line) > 190)
        return;
    memset(whole, ' ', indent);
    memcpy(whole + indent, line, strlen(line));
    whole[indent + strlen(line)] = '\n';
    mutate_splice(m, at, 0, whole, indent + strlen(line) + 1);
}

static void mutate_shift(struct mutate *m)
{
    size_t at = mutate_some_line(m), by = mutate_chance(3) + 1;
    bool in = mutate_chance(2);
    for (uint32_t k = mutate_chance(6) + 1; k > 0 && at < m->n; k--, at = mutate_line_end(m, at)) {
        size_t has = mutate_indent(m, at);
        in ? mutate_splice(m, at, 0, "   ", by) : mutate_splice(m, at, has < by ? has : by, "", 0);
    }
}

/* Some lines, once more somewhere else; perhaps without where they were. */
static void mutate_move(struct mutate *m, bool stay)
{
    char lines[512];
    size_t from = mutate_some_line(m), n = mutate_block_end(m, from) - from;
    if (n > sizeof lines)
        return;
    memcpy(lines, m->text + from, n);
    if (!stay)
        mutate_splice(m, from, n, "", 0);
    mutate_splice(m, mutate_some_line(m), 0, lines, n);
}

/* Behind a line's colon or dash, or at its end; a value gives way, or not. */
static void mutate_word(struct mutate *m)
{
    static const char *const words[] = { "&a ", "*a", "!t ", "!!str ", "!!int 1", "!!null", "&a", "|\n", ">-\n", "|2\n", "|+\n", "{", "}", "[", "]",
        "{}", "[]", "{a: b}", "[a, b]", "{a: {b: [c]}, ? d, \"e\": 'f'}", "[{name: a}, {name: b}]", "\"\"", "''", "'a", "\"a\\\n b\"", "'it''s'", "null",
        "~", "true", "false", "no", "0644", "1.10", "1e3", "a b", "a: b", "- ", "- - ", "? ", ": ", "<<: *a", "# c", " # c", "#", "\t", " \t# c", "%", "@",
        "`", "{{ x }}", "<no value>", "\x7f", "\xc2\x85", "\xe2\x80\xa8", "\xef\xbb\xbf", "\xc3\xa9", "\xf0\x9f\x98\x80", "\r", "\\", ",", "\"a\": b", NULL };
    size_t line = mutate_some_line(m), end = mutate_line_end(m, line), at = line;
    end -= end > line && m->text[end - 1] == '\n';
    while (at < end && m->text[at] != ':' && m->text[at] != '-')
        at++;
    if (at < end)
        at++;
    while (at < end && m->text[at] == ' ')
        at++;
    at = mutate_chance(4) ? at : mutate_chance(2) ? line + mutate_indent(m, line) : end;
    const char *word = mutate_one_of(words);
    if (at == end && at > line && m->text[at - 1] == ':')
        mutate_splice(m, at++, 0, " ", 1);
    if (at <= m->n)
        mutate_splice(m, at, mutate_chance(2) && at < end && end <= m->n ? end - at : 0, word, strlen(word));
}

/* Line breaks, the file's beginning and its end. */
static void mutate_frame(struct mutate *m)
{
    bool all = mutate_chance(2);
    size_t from = mutate_some_line(m);
    switch (mutate_chance(6)) {
    case 0:
    case 1:
        for (size_t i = all ? 0 : from; i < m->n; i++)
            if (m->text[i] == '\n' && (i == 0 || m->text[i - 1] != '\r') && (all || mutate_chance(2)))
                mutate_splice(m, i++, 0, "\r", 1);
        break;
    case 2: mutate_splice(m, 0, 0, "\xef\xbb\xbf", 3); break;
    case 3:
        while (m->n && (m->text[m->n - 1] == '\n' || m->text[m->n - 1] == '\r'))
            m->n--;
        break;
    case 4: m->n = from; break;
    default: mutate_splice(m, m->n, 0, "\n", 1); break;
    }
}

/* Put something of a key's value on the key's line, or the other way. */
static void mutate_break(struct mutate *m)
{
    size_t at = mutate_chance((uint32_t)m->n + 1);
    while (at < m->n && m->text[at] != ' ' && m->text[at] != '\n')
        at++;
    if (at < m->n)
        m->text[at] = m->text[at] == ' ' ? '\n' : ' ';
}

static void mutate_text(struct mutate *m, const char *const *lines)
{
    size_t at = mutate_some_line(m);
    switch (mutate_chance(16)) {
    case 0:
    case 1: mutate_splice(m, at, mutate_block_end(m, at) - at, "", 0); break;
    case 2: mutate_move(m, true); break;
    case 3: mutate_move(m, false); break;
    case 4:
    case 5: mutate_shift(m); break;
    case 6: mutate_frame(m); break;
    case 7: mutate_break(m); break;
    case 8:
    case 9:
    case 10:
    case 11: mutate_word(m); break;
    default: mutate_put_line(m, lines); break;
    }
}

#endif
