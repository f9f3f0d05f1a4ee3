/* A fuzz target's other life: run over a folder of inputs (the corpus), as a test. With a count, each input is also changed at random
 * places that many times, the same each run. With -DCM_FUZZ_LIBFUZZER (and clang -fsanitize=fuzzer) it is a target of libFuzzer, which
 * then makes the same kinds of changes (mutate.h) besides its own. `lines` is what the target's files may hold, NULL-ended. */
#ifndef CM_TESTS_FUZZ_REPLAY_H
#define CM_TESTS_FUZZ_REPLAY_H

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef CM_FUZZ_LIBFUZZER

/* One change of bytes: some taken out, some put in, a piece of it doubled. */
static char *replay_change(const char *from, size_t n, size_t *changed)
{
    static const char *const bits[] = { "\"", "'", "\n", "\r\n", ":", "- ", "#", ";", "[", "]", "{", "}", "\\", "  ", "\t", "&a ", "*a", "|\n", ">-\n",
                                        "=", "\xc3\xa9", "\xff", "? ", "!t ", "---\n", "null", "\xe2\x80\xa8" };
    size_t at = n ? mutate_chance((uint32_t)n + 1) : 0, cut = n - at ? mutate_chance((uint32_t)(n - at < 9 ? n - at + 1 : 9)) : 0;
    const char *bit = bits[mutate_chance(sizeof bits / sizeof *bits)];
    size_t add = strlen(bit), piece = mutate_chance(4) ? 0 : (n - at < 40 ? n - at : 40);
    char *to = cm_alloc(n - cut + add + piece + 1);
    memcpy(to, from, at);
    memcpy(to + at, bit, add);
    memcpy(to + at + add, from + at, piece);
    memcpy(to + at + add + piece, from + at + cut, n - at - cut);
    *changed = n - cut + add + piece;
    return to;
}

/* One change, of bytes or of lines. */
static char *replay_one_change(const char *from, size_t n, size_t *changed, const char *const *lines)
{
    enum { ROOM = 600 };
    if (mutate_chance(2))
        return replay_change(from, n, changed);
    struct mutate m = {.text = cm_alloc(n + ROOM), .n = n, .max = n + ROOM};
    memcpy(m.text, from, n);
    mutate_text(&m, lines);
    *changed = m.n;
    return m.text;
}

static void replay_one(const char *path, long times, const char *const *lines)
{
    char *data = NULL;
    size_t n = 0;
    if (cm_file_read(path, 1 << 20, &data, &n, NULL) < 0)
        abort();
    LLVMFuzzerTestOneInput((const uint8_t *)data, n);
    for (long i = 0; i < times; i++) {
        size_t m = n;
        char *text = memcpy(cm_alloc(n + 1), data, n);
        for (uint32_t k = mutate_chance(4) + 1; k > 0; k--) {
            char *next = replay_one_change(text, m, &m, lines);
            free(text);
            text = next;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)text, m);
        free(text);
    }
    free(data);
}

static int replay(const char *name, const char *const *lines, int argc, char **argv)
{
    const char *src = getenv("CM_SRC");
    char *folder = argc > 1 ? cm_strdup(argv[1]) : cm_fmt("%s/tests/fuzz/corpus/%s", src ? src : ".", name);
    long times = argc > 2 ? strtol(argv[2], NULL, 10) : 200, count = 0;
    DIR *dir = opendir(folder);
    if (!dir) {
        printf("1..0 # SKIP no folder %s\n", folder);
        free(folder);
        return 77;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        char *path = cm_path_join(folder, e->d_name);
        replay_one(path, times, lines);
        free(path);
        count++;
    }
    closedir(dir);
    printf("%sok 1 - %s: %ld inputs, each changed %ld times\n1..1\n", count ? "" : "not ", folder, count, times);
    free(folder);
    return count ? 0 : 1;
}
#define CM_FUZZ_MAIN(name, lines) int main(int argc, char **argv) { return replay(name, lines, argc, argv); }
#else
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

/* Changes of lines mostly; libFuzzer's own now and then, which also cross two inputs. */
static size_t replay_mutate(uint8_t *data, size_t size, size_t max, unsigned seed, const char *const *lines)
{
    struct mutate m = {.text = (char *)data, .n = size, .max = max};
    mutate_seed = seed;
    if (mutate_chance(4) == 0)
        return LLVMFuzzerMutate(data, size, max);
    for (uint32_t k = mutate_chance(4) + 1; k > 0; k--)
        mutate_text(&m, lines);
    return m.n;
}
#define CM_FUZZ_MAIN(name, lines)                                                                   \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)           \
    {                                                                                               \
        return replay_mutate(data, size, max, seed, lines);                                         \
    }
#endif

#endif
