/* base/file.c: bounded reads, whole writes, folders, OS locks (base/file.h).
 *
 * A whole write is a temporary file beside the target, fsync, rename, fsync of the folder. A target that is a symbolic
 * link stays one: the file it points to is replaced. */
#include <config.h>

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cm/str.h>

#include "base/mem.h"

static int read_fd(int fd, const char *path, size_t max_bytes, char **data, size_t *bytes, struct cm_err **err)
{
    struct stat st;
    size_t cap = 4096;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && (size_t)st.st_size < max_bytes)
        cap = (size_t)st.st_size + 2;
    char *text = cm_alloc(cap);
    size_t len = 0;
    for (;;) {
        if (len + 1 >= cap) {
            cap *= 2;
            text = cm_realloc(text, cap);
        }
        ssize_t n = read(fd, text + len, cap - len - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(text);
            return cm_fail_errno(err, CM_E_FAILED, "cannot read %s", path);
        }
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > max_bytes) {
            free(text);
            return cm_fail(err, CM_E_FAILED, "%s is larger than %zu bytes", path, max_bytes);
        }
    }
    text[len] = '\0';
    *data = text;
    if (bytes != NULL)
        *bytes = len;
    return 0;
}

int cm_file_read(const char *path, size_t max_bytes, char **data, size_t *bytes, struct cm_err **err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot open %s", path);
    int result = read_fd(fd, path, max_bytes, data, bytes, err);
    close(fd);
    return result;
}

bool cm_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* ---- whole writes ---- */

struct cm_file_new {
    char *path, *temporary;
    FILE *stream;
};

static int open_temporary(struct cm_file_new *f, mode_t mode)
{
    cm_autofree char *dir = cm_path_dir(f->path);
    for (unsigned n = 0; n < 1000; n++) {
        f->temporary = cm_fmt("%s/.%s.%ld-%u.tmp", dir, cm_path_base(f->path), (long)getpid(), n);
        int fd = open(f->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd >= 0)
            return fd;
        int saved = errno;
        free(f->temporary);
        f->temporary = NULL;
        errno = saved;
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

struct cm_file_new *cm_file_begin(const char *path, mode_t mode, struct cm_err **err)
{
    struct cm_file_new *f = cm_alloc(sizeof *f);
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        f->path = realpath(path, NULL);
    if (f->path == NULL)
        f->path = cm_strdup(path);
    int fd = open_temporary(f, mode);
    if (fd < 0) {
        cm_fail_errno(err, CM_E_FAILED, "cannot write %s", path);
    } else if ((f->stream = fdopen(fd, "w+")) == NULL) {
        cm_fail_errno(err, CM_E_FAILED, "cannot write %s", path);
        close(fd);
    } else {
        return f;
    }
    cm_file_drop(f);
    return NULL;
}

FILE *cm_file_stream(struct cm_file_new *f) { return f->stream; }

void cm_file_drop(struct cm_file_new *taken)
{
    if (taken == NULL)
        return;
    if (taken->stream != NULL)
        fclose(taken->stream);
    if (taken->temporary != NULL) {
        unlink(taken->temporary);
        free(taken->temporary);
    }
    free(taken->path);
    free(taken);
}

int cm_file_keep(struct cm_file_new *taken, struct cm_err **err)
{
    struct cm_file_new *f = taken;
    int result = 0;
    if (ferror(f->stream) || fflush(f->stream) != 0 || fsync(fileno(f->stream)) != 0)
        result = cm_fail_errno(err, CM_E_FAILED, "cannot write %s", f->path);
    int closed = fclose(f->stream);
    f->stream = NULL;
    if (result == 0 && closed != 0)
        result = cm_fail_errno(err, CM_E_FAILED, "cannot write %s", f->path);
    if (result == 0 && rename(f->temporary, f->path) != 0)
        result = cm_fail_errno(err, CM_E_FAILED, "cannot rename %s to %s", f->temporary, f->path);
    if (result == 0) {
        free(f->temporary);
        f->temporary = NULL;
        cm_autofree char *dir = cm_path_dir(f->path);
        result = cm_dir_sync(dir, err);
    }
    cm_file_drop(f);
    return result;
}

int cm_file_write(const char *path, const void *data, size_t bytes, mode_t mode, struct cm_err **err)
{
    struct cm_file_new *f = cm_file_begin(path, mode, err);
    if (f == NULL)
        return -1;
    if (bytes > 0 && fwrite(data, 1, bytes, f->stream) != bytes) {
        cm_fail_errno(err, CM_E_FAILED, "cannot write %s", path);
        cm_file_drop(f);
        return -1;
    }
    return cm_file_keep(f, err);
}

/* ---- folders and paths ---- */

int cm_dir_make(const char *path, mode_t mode, struct cm_err **err)
{
    struct stat st;
    if (mkdir(path, mode) == 0)
        return 0;
    if (errno == ENOENT) {
        cm_autofree char *parent = cm_path_dir(path);
        if (strcmp(parent, path) != 0 && strcmp(parent, ".") != 0) {
            if (cm_dir_make(parent, mode, err) != 0)
                return -1;
            if (mkdir(path, mode) == 0)
                return 0;
        }
    }
    if (errno == EEXIST && stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return 0;
        errno = ENOTDIR;
    }
    return cm_fail_errno(err, CM_E_FAILED, "cannot make the folder %s", path);
}

int cm_dir_sync(const char *path, struct cm_err **err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot open the folder %s", path);
    /* EINVAL: a file system that has no fsync for folders (fsync(2)); there is nothing more to ask for. */
    int result = 0;
    if (fsync(fd) != 0 && errno != EINVAL)
        result = cm_fail_errno(err, CM_E_FAILED, "cannot sync the folder %s", path);
    close(fd);
    return result;
}

char *cm_path_join(const char *dir, const char *name)
{
    if (name[0] == '/' || dir[0] == '\0')
        return cm_strdup(name);
    size_t n = strlen(dir);
    return cm_fmt("%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

/* Length of path without its trailing slashes ("/" keeps its one). */
static size_t trimmed(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return n;
}

char *cm_path_dir(const char *path)
{
    size_t n = trimmed(path);
    while (n > 0 && path[n - 1] != '/')
        n--;
    if (n == 0)
        return cm_strdup(".");
    while (n > 1 && path[n - 1] == '/')
        n--;
    return cm_strndup(path, n);
}

const char *cm_path_base(const char *path)
{
    size_t n = trimmed(path);
    while (n > 0 && path[n - 1] != '/')
        n--;
    return path + n;
}

char *cm_path_absolute(const char *path)
{
    if (path[0] == '/')
        return cm_strdup(path);
    cm_autofree char *here = getcwd(NULL, 0);
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    if (here == NULL)
        return cm_strdup(path);
    if (strcmp(path, ".") == 0 || path[0] == '\0')
        return cm_strdup(here);
    return cm_path_join(here, path);
}

/* ---- locks ---- */

/* Is path still the file behind fd? The holder before us may have removed it. */
static bool same_file(int fd, const char *path)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int cm_lock_file(const char *path, char **body, struct cm_err **err)
{
    if (body != NULL)
        *body = NULL;
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return cm_fail_errno(err, CM_E_FAILED, "cannot open the lock %s", path);
        while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            if (errno == EINTR)
                continue;
            if (errno != EWOULDBLOCK) {
                cm_fail_errno(err, CM_E_FAILED, "cannot lock %s", path);
            } else {
                if (body != NULL && read_fd(fd, path, 65536, body, NULL, NULL) != 0)
                    *body = cm_strdup("");
                cm_fail(err, CM_E_LOCKED, "another process holds %s", path);
            }
            close(fd);
            return -1;
        }
        if (same_file(fd, path))
            return fd;
        close(fd);
    }
}
