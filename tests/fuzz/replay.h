/* A fuzz target's other life: run over a folder of inputs (the corpus), as a test. With a count, each input is also changed at random
 * places that many times, the same each run. With -DCM_FUZZ_LIBFUZZER (and clang -fsanitize=fuzzer) it is a target of libFuzzer. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef CM_FUZZ_LIBFUZZER

static uint32_t replay_seed = 1;

static uint32_t replay_chance(uint32_t n)
{
    replay_seed = replay_seed * 1664525u + 1013904223u;
    return (replay_seed >> 8) % n;
}

/* One change: a byte set, some taken out, some put in, or a piece of it doubled. */
static char *replay_change(const char *from, size_t n, size_t *changed)
{
    static const char *const bits[] = { "\"", "'", "\n", "\r\n", ":", "- ", "#", ";", "[", "]", "{", "}", "\\", "  ", "\t", "&a ", "*a", "|\n", ">-\n",
                                        "=", "\xc3\xa9", "\xff", "? ", "!t ", "---\n", "null", "\xe2\x80\xa8" };
    size_t at = n ? replay_chance((uint32_t)n + 1) : 0, cut = n - at ? replay_chance((uint32_t)(n - at < 9 ? n - at + 1 : 9)) : 0;
    const char *bit = bits[replay_chance(sizeof bits / sizeof *bits)];
    size_t add = strlen(bit), piece = replay_chance(4) ? 0 : (n - at < 40 ? n - at : 40);
    char *to = cm_alloc(n - cut + add + piece + 1);
    memcpy(to, from, at);
    memcpy(to + at, bit, add);
    memcpy(to + at + add, from + at, piece);
    memcpy(to + at + add + piece, from + at + cut, n - at - cut);
    *changed = n - cut + add + piece;
    return to;
}

static void replay_one(const char *path, long times)
{
    char *data = NULL;
    size_t n = 0;
    if (cm_file_read(path, 1 << 20, &data, &n, NULL) < 0)
        abort();
    LLVMFuzzerTestOneInput((const uint8_t *)data, n);
    for (long i = 0; i < times; i++) {
        size_t m = n;
        char *text = memcpy(cm_alloc(n + 1), data, n);
        for (uint32_t k = replay_chance(4) + 1; k > 0; k--) {
            char *next = replay_change(text, m, &m);
            free(text);
            text = next;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)text, m);
        free(text);
    }
    free(data);
}

static int replay(const char *name, int argc, char **argv)
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
        replay_one(path, times);
        free(path);
        count++;
    }
    closedir(dir);
    printf("%sok 1 - %s: %ld inputs, each changed %ld times\n1..1\n", count ? "" : "not ", folder, count, times);
    free(folder);
    return count ? 0 : 1;
}
#define CM_FUZZ_MAIN(name) int main(int argc, char **argv) { return replay(name, argc, argv); }
#else
#define CM_FUZZ_MAIN(name)
#endif

#endif
