/* base/secret.h: a secret has no way to be printed. It is wiped on free and registered with the mask while it lives on. */
#ifndef CM_BASE_SECRET_H
#define CM_BASE_SECRET_H

#include <stddef.h>

struct cm_secret;

struct cm_secret *cm_secret_new(const char *text);               /* copies; trailing newline removed */
/* For the last hop only (a header, a child's environment, libpq): never kept, never logged. */
const char *cm_secret_reveal(const struct cm_secret *s);
void cm_secret_free(struct cm_secret *s);
void cm_wipe(void *p, size_t n);                                 /* not optimised away */

#endif
