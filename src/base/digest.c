/* base/digest.c: SHA-256 by libcrypto, CRC-32 by zlib (base/digest.h). */
#include <config.h>

#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <zlib.h>

#include "base/json.h"
#include "base/mem.h"

struct cm_sha {
    EVP_MD_CTX *ctx;
};

/* libcrypto fails here only without memory (or with SHA-256 forbidden, where nothing of ours can work). */
static void must(int ok)
{
    if (ok != 1) {
        fputs("connect-migrate-run: SHA-256 is not available in libcrypto\n", stderr);
        abort();
    }
}

struct cm_sha *cm_sha_new(void)
{
    struct cm_sha *s = cm_alloc(sizeof *s);
    s->ctx = EVP_MD_CTX_new();
    must(s->ctx != NULL);
    must(EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL));
    return s;
}

void cm_sha_add(struct cm_sha *s, const void *data, size_t n) { must(EVP_DigestUpdate(s->ctx, data, n)); }

void cm_sha_end(struct cm_sha *taken, unsigned char out[32])
{
    must(EVP_DigestFinal_ex(taken->ctx, out, NULL));
    EVP_MD_CTX_free(taken->ctx);
    free(taken);
}

void cm_sha256(const void *data, size_t n, unsigned char out[32]) { must(EVP_Digest(data, n, out, NULL, EVP_sha256(), NULL)); }

int cm_sha256_file(const char *path, unsigned char out[32], struct cm_err **err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot open %s", path);
    struct cm_sha *s = cm_sha_new();
    int result = 0;
    for (;;) {
        char piece[65536];
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            result = cm_fail_errno(err, CM_E_FAILED, "cannot read %s", path);
        if (n <= 0)
            break;
        cm_sha_add(s, piece, (size_t)n);
    }
    close(fd);
    cm_sha_end(s, out);
    return result;
}

void cm_sha256_json(const json_t *j, unsigned char out[32])
{
    cm_autofree char *text = cm_json_canonical(j);
    cm_sha256(text, strlen(text), out);
}

void cm_hex(const unsigned char *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

uint32_t cm_crc32(uint32_t crc, const void *data, size_t n) { return (uint32_t)crc32_z(crc, data, n); }
