/* base/secret.c: secrets (base/secret.h). The mask keeps knowing a secret after it was freed: a text made before may still
 * hold it. */
#include <config.h>

#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

struct cm_secret {
    size_t bytes;
    char text[];
};

void cm_wipe(void *p, size_t n)
{
    if (p != NULL && n > 0)
        explicit_bzero(p, n);
}

struct cm_secret *cm_secret_new(const char *text)
{
    size_t n = strlen(text);
    if (n > 0 && text[n - 1] == '\n')
        n--;
    if (n > 0 && text[n - 1] == '\r')
        n--;
    struct cm_secret *s = cm_alloc(sizeof *s + n + 1);
    s->bytes = n;
    memcpy(s->text, text, n);
    cm_mask_add_encoded(s->text);
    return s;
}

const char *cm_secret_reveal(const struct cm_secret *s) { return s == NULL ? NULL : s->text; }

void cm_secret_free(struct cm_secret *s)
{
    if (s == NULL)
        return;
    cm_wipe(s->text, s->bytes);
    free(s);
}
