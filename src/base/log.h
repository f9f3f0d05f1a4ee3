/* base/log.h: messages to people on stderr, and masking. Masking replaces registered secrets (base/secret.h registers them
 * by itself), product keys (XXXX-XXXX-… seven groups), passwords in URLs, and what is called a password or token (password=…,
 * "token": "…", Bearer …) by "***" in everything that goes through cm_mask. What is no UTF-8 becomes U+FFFD there, so that whatever the
 * outside says can be put on record. */
#ifndef CM_BASE_LOG_H
#define CM_BASE_LOG_H

#include <cm/err.h>
#include <cm/str.h>

enum cm_level { CM_QUIET = -1, CM_NORMAL = 0, CM_VERBOSE = 1, CM_DEBUG = 2 };

void cm_log_level(enum cm_level level);
/* One line to stderr at this level and above; masked; a newline is added. */
void cm_log(enum cm_level level, const char *fmt, ...) CM_PRINTF(2, 3);

/* Where lines go instead of stderr: to what draws on the terminal. The line is masked and ends with a newline. NULL: stderr. */
void cm_log_to(void (*put)(void *ctx, const char *line), void *ctx);

void cm_mask_add(const char *secret);                  /* values shorter than 4 bytes are not masked */
void cm_mask_add_encoded(const char *secret);          /* also its percent- and JSON-encoded spellings */
char *cm_mask(const char *text);                       /* caller frees */
void cm_mask_fini(void);                               /* wipes and forgets */

#endif
