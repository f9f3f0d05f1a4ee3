/* base/file.h: files: bounded reads, whole writes (temporary file, fsync, rename, fsync of the folder), folders, OS locks.
 * A failed fsync is an error and never tried again on that descriptor. */
#ifndef CM_BASE_FILE_H
#define CM_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include <cm/err.h>

/* Read all of path, at most max_bytes (more is an error). *data is NUL-terminated, caller frees. */
int cm_file_read(const char *path, size_t max_bytes, char **data, size_t *bytes, struct cm_err **err);
bool cm_file_exists(const char *path);
/* Write path whole, or leave what was there. mode as for open (0600). */
int cm_file_write(const char *path, const void *data, size_t bytes, mode_t mode, struct cm_err **err);
/* The same for a stream: begin gives a FILE on a temporary name beside path; keep flushes, syncs, renames; drop removes. */
struct cm_file_new;
struct cm_file_new *cm_file_begin(const char *path, mode_t mode, struct cm_err **err);
FILE *cm_file_stream(struct cm_file_new *f);
int cm_file_keep(struct cm_file_new *taken, struct cm_err **err);
void cm_file_drop(struct cm_file_new *taken);

int cm_dir_make(const char *path, mode_t mode, struct cm_err **err);      /* parents too; an existing folder is fine */
int cm_dir_sync(const char *path, struct cm_err **err);
char *cm_path_join(const char *dir, const char *name);                    /* caller frees; absolute name wins */
char *cm_path_dir(const char *path);                                      /* "." where there is none; caller frees */
const char *cm_path_base(const char *path);                               /* points into path */
char *cm_path_absolute(const char *path);                                 /* against the current folder; caller frees */

/* An exclusive OS lock (flock) on path, which is made when missing. >= 0: the descriptor that holds it (close gives it
 * back). -1: CM_E_LOCKED when another process holds it, then *body is what the file says (caller frees), or another error. */
int cm_lock_file(const char *path, char **body, struct cm_err **err);

#endif
