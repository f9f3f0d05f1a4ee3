/* Where the program's own files are: see find.h. /proc/self/exe is Linux's; elsewhere the installed places are taken. */
#include <config.h>

#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/find.h"

char *cm_find_self(void)
{
    size_t cap = 256;
    for (;;) {
        cm_autofree char *path = cm_alloc(cap);
        ssize_t n = readlink("/proc/self/exe", path, cap - 1);
        if (n < 0)
            return cm_strdup("connect-migrate-run");
        if ((size_t)n < cap - 1)
            return cm_strndup(path, (size_t)n);
        cap *= 2;
    }
}

/* In a build folder the world's program stands beside ours, and so do the runbooks. */
static char *beside(const char *name)
{
    cm_autofree char *self = cm_find_self(), *dir = cm_path_dir(self), *world = cm_path_join(dir, "connect-migrate-world");
    cm_autofree char *path = cm_path_join(dir, name);
    return cm_file_exists(world) && cm_file_exists(path) ? cm_strdup(path) : NULL;
}

char *cm_find_plans(void)
{
    char *here = beside("plans");
    return here ? here : cm_strdup(CM_PLANS_DIR);
}

char *cm_find_program(const char *name)
{
    char *here = beside(name);
    return here ? here : cm_path_join(CM_WORLD_DIR, name);
}
