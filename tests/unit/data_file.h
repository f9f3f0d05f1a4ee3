/* Data files of the tests: "#name=value" lines on top say what is expected, the rest is the input. */
#ifndef CM_TESTS_DATA_FILE_H
#define CM_TESTS_DATA_FILE_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

struct data_file {
    char *path, *all;
    const char *body;
};

static char *data_folder(const char *name)
{
    const char *src = getenv("CM_SRC");
    return cm_fmt("%s/tests/data/%s", src != NULL ? src : ".", name);
}

static void data_load(struct data_file *f, const char *folder, const char *name)
{
    struct cm_err *err = NULL;
    size_t n = 0;
    f->path = cm_path_join(folder, name);
    if (cm_file_read(f->path, 1 << 20, &f->all, &n, &err) < 0)
        fail_msg("%s", cm_err_message(err));
    for (f->body = f->all; *f->body == '#'; f->body += f->body[0] != '\0')
        f->body += strcspn(f->body, "\n");
}

/* The value of "#name=" on top; NULL: not there. Caller frees. */
static char *data_expected(const struct data_file *f, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = f->all; *at == '#'; at += strcspn(at, "\n") + 1)
        if (strncmp(at + 1, name, n) == 0 && at[n + 1] == '=')
            return cm_strndup(at + n + 2, strcspn(at + n + 2, "\n"));
    return NULL;
}

static void data_free(struct data_file *f)
{
    free(f->path);
    free(f->all);
}

/* Compare with what the file expects, where it does; `got` NULL is "-". */
static void data_check(const struct data_file *f, const char *name, const char *got)
{
    char *want = data_expected(f, name);
    if (want != NULL && strcmp(want, got != NULL ? got : "-") != 0)
        fail_msg("%s: %s is '%s', expected '%s'", f->path, name, got != NULL ? got : "-", want);
    free(want);
}

/* Calls `one` with each file of the folder whose name ends so; at least `least` of them. */
static void data_each(const char *folder_name, const char *ending, int least, void (*one)(const struct data_file *f))
{
    char *folder = data_folder(folder_name);
    DIR *dir = opendir(folder);
    int n = 0;
    if (dir == NULL)
        fail_msg("no folder %s (CM_SRC names the source tree)", folder);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        struct data_file f = { 0 };
        if (!cm_ends(e->d_name, ending))
            continue;
        data_load(&f, folder, e->d_name);
        one(&f);
        data_free(&f);
        n++;
    }
    closedir(dir);
    free(folder);
    assert_true(n >= least);
}

#endif
