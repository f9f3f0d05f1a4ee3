/* base/digest.h: SHA-256 (libcrypto) and CRC-32 (zlib). */
#ifndef CM_BASE_DIGEST_H
#define CM_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include <cm/err.h>

struct cm_sha;
struct cm_sha *cm_sha_new(void);
void cm_sha_add(struct cm_sha *s, const void *data, size_t n);
void cm_sha_end(struct cm_sha *taken, unsigned char out[32]);

void cm_sha256(const void *data, size_t n, unsigned char out[32]);
int cm_sha256_file(const char *path, unsigned char out[32], struct cm_err **err);
void cm_sha256_json(const json_t *j, unsigned char out[32]);    /* of its canonical text: sorted keys, compact */
void cm_hex(const unsigned char *bytes, size_t n, char *out);   /* 2n digits and NUL, lower case */
uint32_t cm_crc32(uint32_t crc, const void *data, size_t n);    /* start with 0 */

#endif
