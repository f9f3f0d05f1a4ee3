/* journal/line.c: one line of the state file, as bytes. Source of the check sum: zlib's crc32, through base/digest.h. */
#include <config.h>

#include "journal/line.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cm/str.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

static const char crc_key[] = ",\"crc\":\"";
static const char crc_end[] = "\"}";
enum { TAIL_BYTES = sizeof crc_key - 1 + CM_CRC_DIGITS + sizeof crc_end - 1, CHUNK_BYTES = 1 << 16 };

static void chain(char crc[CM_CRC_DIGITS + 1], const char *body, size_t n)
{
    static const char digit[] = "0123456789abcdef";
    uint32_t sum = cm_crc32(0, crc, CM_CRC_DIGITS);
    sum = cm_crc32(sum, body, n);
    for (int i = CM_CRC_DIGITS - 1; i >= 0; i--, sum >>= 4)
        crc[i] = digit[sum & 15];
    crc[CM_CRC_DIGITS] = '\0';
}

char *cm_line_make(uint64_t seq, int64_t at_ms, int64_t up_ms, const json_t *events, char crc[CM_CRC_DIGITS + 1], size_t *bytes)
{
    cm_autofree char *ev = json_dumps(events, JSON_COMPACT);
    if (ev == NULL)
        return NULL;
    cm_autofree char *at = cm_time_text(at_ms);
    struct cm_str s = CM_STR(CM_STR_BIG);
    cm_str_addf(&s, "{\"seq\":%" PRIu64 ",\"at\":\"%s\",\"up\":%" PRId64 ",\"ev\":", seq, at, up_ms);
    cm_str_add(&s, ev);
    chain(crc, s.data, s.len);
    cm_str_add(&s, crc_key);
    cm_str_add(&s, crc);
    cm_str_add(&s, crc_end);
    cm_str_add(&s, "\n");
    if (s.full) {
        cm_str_fini(&s);
        return NULL;
    }
    *bytes = s.len;
    return cm_str_take(&s);
}

static bool members(struct cm_line *l, const char **why)
{
    const char *at = cm_json_text(l->root, "at", "");
    const json_t *seq = json_object_get(l->root, "seq"), *up = json_object_get(l->root, "up");
    l->ev = json_object_get(l->root, "ev");
    *why = "it lacks seq, at, up or ev";
    if (!json_is_integer(seq) || json_integer_value(seq) < 1 || !json_is_integer(up) || !json_is_array(l->ev) ||
        !cm_time_parse(at, &l->at_ms))
        return false;
    l->seq = (uint64_t)json_integer_value(seq);
    l->up_ms = json_integer_value(up);
    return true;
}

bool cm_line_read(const char *text, size_t n, char crc[CM_CRC_DIGITS + 1], struct cm_line *out, const char **why)
{
    memset(out, 0, sizeof *out);
    *why = "its end is not a check sum";
    if (n <= TAIL_BYTES)
        return false;
    const char *tail = text + n - TAIL_BYTES, *digits = tail + sizeof crc_key - 1;
    if (memcmp(tail, crc_key, sizeof crc_key - 1) != 0 || memcmp(text + n - 2, crc_end, 2) != 0)
        return false;
    char sum[CM_CRC_DIGITS + 1];
    memcpy(sum, crc, sizeof sum);
    chain(sum, text, n - TAIL_BYTES);
    *why = "its check sum does not follow from its bytes and the line before";
    if (memcmp(sum, digits, CM_CRC_DIGITS) != 0)
        return false;
    *why = "it is not JSON";
    out->root = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (out->root == NULL)
        return false;
    if (!members(out, why)) {
        json_decref(out->root);
        memset(out, 0, sizeof *out);
        return false;
    }
    memcpy(crc, sum, sizeof sum);
    return true;
}

int cm_lines_init(struct cm_lines *l, int fd)
{
    struct stat st;
    memset(l, 0, sizeof *l);
    l->fd = fd;
    if (fstat(fd, &st) != 0)
        return -1;
    l->left = st.st_size;
    return 0;
}

/* Read on behind what is there; 0: the end of the file as it was. */
static ssize_t fill(struct cm_lines *l)
{
    if (l->begin > 0) {
        memmove(l->data, l->data + l->begin, l->end - l->begin);
        l->end -= l->begin;
        l->begin = 0;
    }
    size_t want = l->left < CHUNK_BYTES ? (size_t)l->left : CHUNK_BYTES;
    if (want == 0)
        return 0;
    l->data = cm_grow(l->data, &l->cap, l->end + want, 1);
    ssize_t got;
    do
        got = read(l->fd, l->data + l->end, want);
    while (got < 0 && errno == EINTR);
    if (got > 0) {
        l->end += (size_t)got;
        l->left -= got;
    } else if (got == 0) {
        l->left = 0; /* it became shorter under us: what is there is all there is */
    }
    return got;
}

int cm_lines_next(struct cm_lines *l, const char **text, size_t *n, bool *whole)
{
    size_t seen = 0;
    for (;;) {
        const char *from = l->data == NULL ? NULL : l->data + l->begin;
        size_t have = l->end - l->begin;
        const char *newline = have > seen ? memchr(from + seen, '\n', have - seen) : NULL;
        if (newline != NULL) {
            *text = from;
            *n = (size_t)(newline - from);
            *whole = true;
            l->begin += *n + 1;
            return 1;
        }
        seen = have;
        ssize_t got = fill(l);
        if (got < 0)
            return -1;
        if (got > 0)
            continue;
        if (have == 0)
            return 0;
        *text = l->data + l->begin;
        *n = have;
        *whole = false;
        l->begin = l->end;
        return 1;
    }
}

void cm_lines_fini(struct cm_lines *l)
{
    free(l->data);
    memset(l, 0, sizeof *l);
}
