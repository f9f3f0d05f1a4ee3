/* base/mask.c: replaces registered secrets and product keys by "***" (base/log.h).
 *
 * The register is global on purpose: a secret must be masked in every text, also where no context is at hand. All bytes
 * that any secret covers are found first and each covered run becomes one "***", so that overlapping secrets leave no
 * rest. */
#include <config.h>

#include "base/log.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"

enum { SHORTEST = 4, SHORTEST_LINE = 12 };

static struct {
    char **texts;
    size_t count, cap;
} known;

void cm_mask_add(const char *secret)
{
    if (secret == NULL || strlen(secret) < SHORTEST)
        return;
    for (size_t i = 0; i < known.count; i++)
        if (strcmp(known.texts[i], secret) == 0)
            return;
    known.texts = cm_grow(known.texts, &known.cap, known.count + 1, sizeof *known.texts);
    known.texts[known.count++] = cm_strdup(secret);
}

static void wipe_str(struct cm_str *s)
{
    if (s->data != NULL)
        cm_wipe(s->data, s->cap);
    cm_str_fini(s);
}

static void add_percent(const char *secret, const char *digits)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    for (const unsigned char *p = (const unsigned char *)secret; *p != '\0'; p++) {
        if (isalnum(*p) || strchr("-._~", *p) != NULL) {
            cm_str_add_bytes(&s, p, 1);
        } else {
            const char triple[3] = {'%', digits[*p >> 4], digits[*p & 15]};
            cm_str_add_bytes(&s, triple, 3);
        }
    }
    cm_mask_add(cm_str_text(&s));
    wipe_str(&s);
}

static void add_json(const char *secret)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    for (const unsigned char *p = (const unsigned char *)secret; *p != '\0'; p++) {
        static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
        const char *at = strchr(escaped, *p);
        if (at != NULL) {
            const char pair[2] = {'\\', letters[at - escaped]};
            cm_str_add_bytes(&s, pair, 2);
        } else if (*p < 0x20) {
            cm_str_addf(&s, "\\u%04x", *p);
        } else {
            cm_str_add_bytes(&s, p, 1);
        }
    }
    cm_mask_add(cm_str_text(&s));
    wipe_str(&s);
}

/* As a Kubernetes Secret shows it; without padding, since a longer value may go on there. */
static void add_base64(const char *secret)
{
    size_t n = strlen(secret);
    if (n > CM_STR_PAGE)
        return;
    char *text = cm_alloc(n / 3 * 4 + 5);
    int len = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)secret, (int)n);
    while (len > 0 && text[len - 1] == '=')
        text[--len] = '\0';
    cm_mask_add(text);
    cm_wipe(text, n / 3 * 4 + 5);
    free(text);
}

/* A secret of several lines may be shown a line at a time. */
static void add_lines(const char *secret)
{
    while (*secret != '\0') {
        size_t n = strcspn(secret, "\r\n");
        if (n >= SHORTEST_LINE && strncmp(secret, "-----", 5) != 0) {
            char *line = cm_strndup(secret, n);
            cm_mask_add(line);
            cm_wipe(line, n);
            free(line);
        }
        secret += n;
        secret += strspn(secret, "\r\n");
    }
}

void cm_mask_add_encoded(const char *secret)
{
    if (secret == NULL || strlen(secret) < SHORTEST)
        return;
    cm_mask_add(secret);
    add_percent(secret, "0123456789ABCDEF");
    add_percent(secret, "0123456789abcdef");
    add_json(secret);
    add_base64(secret);
    if (strpbrk(secret, "\r\n") != NULL)
        add_lines(secret);
}

/* Length of a product key at p (seven groups of four capitals or digits, joined by "-"); 0: none. */
static size_t product_key(const char *text, const char *p)
{
    enum { GROUPS = 7, LENGTH = GROUPS * 5 - 1 };
    if (p > text && isalnum((unsigned char)p[-1]))
        return 0;
    for (size_t i = 0; i < LENGTH; i++) {
        unsigned char c = (unsigned char)p[i];
        if (i % 5 == 4 ? c != '-' : !isdigit(c) && !isupper(c))
            return 0;
    }
    return isalnum((unsigned char)p[LENGTH]) ? 0 : LENGTH;
}

/* The password of a URL, "scheme://user:password@host", registered or not: a pod's log may show one that we never read. It may hold "@"
 * and "/", which it should not; what stands between ":" and "/" as a number is a port. */
static void cover_url_passwords(const char *text, unsigned char *covered)
{
    for (const char *p = strstr(text, "://"); p != NULL; p = strstr(p + 3, "://")) {
        const char *user = p + 3, *colon = user + strcspn(user, ":/?# \t\r\n\"'`<>@");
        if (*colon != ':')
            continue;
        size_t n = strcspn(colon + 1, " \t\r\n\"'`<>,;"), digits = strspn(colon + 1, "0123456789");
        bool port = digits > 0 && (digits == n || strchr("/?#", colon[1 + digits]) != NULL);
        const char *next = strstr(colon + 1, "://");
        if (next != NULL && next < colon + 1 + n)
            n = (size_t)(next - colon - 1);
        while (n > 0 && colon[n] != '@')
            n--;
        if (n > 1 && !port)
            memset(covered + (colon + 1 - text), 1, n - 1);
    }
}

static bool is_name(char c) { return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.'; }

/* password=..., "token": "..." (JSON, also inside of a quoted text), Authorization: Key ... : by the name that stands before. A word behind
 * a plain colon is of a sentence ("password: authentication failed"). */
static void cover_named(const char *text, unsigned char *covered)
{
    static const char *const names[] = {"password", "passwd",  "client_secret", "token", "api_key",
                                        "apikey",   "api-key", "access_key",    NULL};
    for (size_t i = 0; names[i] != NULL; i++) {
        size_t n = strlen(names[i]);
        for (const char *p = text; (p = strcasestr(p, names[i])) != NULL; p += n) {
            const char *at = p + n + strspn(p + n, "\\\"'");
            bool quoted = at > p + n;
            if (is_name(p[n]) || (*at != '=' && !(*at == ':' && quoted)))
                continue;
            at++;
            at += strspn(at, *(at - 1) == ':' ? " \\\"'" : "\\\"'");
            memset(covered + (at - text), 1, strcspn(at, " \t\r\n\"'\\,;&)}]"));
        }
    }
    static const char *const schemes[] = {"Bearer ", "Authorization: Key ", "Authorization: Basic ", NULL};
    for (size_t i = 0; schemes[i] != NULL; i++)
        for (const char *p = text; (p = strcasestr(p, schemes[i])) != NULL;) {
            p += strlen(schemes[i]);
            size_t word = strcspn(p, " \t\r\n\"'\\,;");
            if (word >= SHORTEST_LINE) /* shorter ones are words of a sentence */
                memset(covered + (p - text), 1, word);
        }
}

char *cm_mask(const char *text)
{
    if (text == NULL)
        return cm_strdup("");
    size_t n = strlen(text);
    cm_autofree unsigned char *covered = cm_alloc(n + 1);
    for (size_t i = 0; i < known.count; i++) {
        size_t len = strlen(known.texts[i]);
        for (const char *p = text; (p = strstr(p, known.texts[i])) != NULL; p++)
            memset(covered + (p - text), 1, len);
    }
    for (const char *p = strchr(text, '-'); p != NULL; p = strchr(p + 1, '-'))
        if (p - text >= 4) {
            size_t len = product_key(text, p - 4);
            memset(covered + (p - 4 - text), 1, len);
        }
    cover_url_passwords(text, covered);
    cover_named(text, covered);
    /* What is masked goes on into the record and other JSON, which take UTF-8 only; a tool, a file or a path may hold anything. */
    struct cm_str s = CM_STR(SIZE_MAX / 4);
    for (size_t i = 0; i < n;) {
        size_t from = i;
        while (i < n && covered[i] == covered[from])
            i++;
        if (covered[from])
            cm_str_add(&s, "***");
        else
            cm_utf8_add(&s, text + from, i - from);
    }
    return cm_str_take(&s);
}

void cm_mask_fini(void)
{
    for (size_t i = 0; i < known.count; i++) {
        cm_wipe(known.texts[i], strlen(known.texts[i]));
        free(known.texts[i]);
    }
    free(known.texts);
    known.texts = NULL;
    known.count = known.cap = 0;
}
