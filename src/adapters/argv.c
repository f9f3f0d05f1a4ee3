/* adapters/argv.c: an argument vector that is put together piece by piece. */
#include <config.h>

#include "adapters/argv.h"

#include <stdlib.h>

#include "base/mem.h"

void cm_argv_add(struct cm_argv *a, const char *word)
{
    a->list = cm_grow(a->list, &a->cap, a->n + 2, sizeof *a->list);
    a->list[a->n++] = word;
    a->list[a->n] = NULL;
}

void cm_argv_add2(struct cm_argv *a, const char *flag, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    cm_argv_add(a, flag);
    cm_argv_add(a, value);
}

void cm_argv_add_list(struct cm_argv *a, const char *const *words)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        cm_argv_add(a, words[i]);
}

void cm_argv_add_tool(struct cm_argv *a, const json_t *tool, const char *otherwise)
{
    size_t i;
    const json_t *word;
    if (json_is_string(tool)) {
        cm_argv_add(a, json_string_value(tool));
        return;
    }
    if (json_array_size(tool) == 0) {
        cm_argv_add(a, otherwise);
        return;
    }
    json_array_foreach(tool, i, word)
    {
        if (json_is_string(word))
            cm_argv_add(a, json_string_value(word));
    }
}

void cm_argv_fini(struct cm_argv *a)
{
    free(a->list);
    *a = (struct cm_argv){0};
}
