/* values/config_comments.c: the source's comments travel with their settings, but no secret travels in them: a line that sets
 * something secret, holds a URL with a password, or repeats a secret of the source is left out and said. */
#include <config.h>

#include <string.h>

#include "values/config_work.h"

enum { SECRETS_LOOKED_FOR = 64, SHORTEST_SECRET = 4 };

struct cm_config_scrubber {
    const char *secrets[SECRETS_LOOKED_FOR];
    size_t count;
};

static bool is_secret(const struct cm_gcfg_setting *s)
{
    bool exact;
    const struct cm_setting *known = cm_setting_find(s->in->section, s->key, &exact);
    return exact ? known->type == CM_V_SECRET : cm_setting_sounds_secret(s->key);
}

static bool has_url_with_password(const char *line)
{
    for (const char *p = line; (p = strstr(p, "://")); p += 3) {
        size_t word = strcspn(p + 3, " \t\"'");
        const char *at = memchr(p + 3, '@', word), *colon = memchr(p + 3, ':', word);
        if (at && colon && colon < at)
            return true;
    }
    return strcasestr(line, "password=") != NULL;
}

/* "; Password = something", "# the old token: something": a secret name, a sign, and something behind it. */
static bool sets_a_secret(const char *line)
{
    size_t n = strcspn(line, "=:");
    if (!line[n] || !line[n + 1 + strspn(line + n + 1, " \t")])
        return false;
    while (n && strchr(" \t", line[n - 1]))
        n--;
    cm_autofree char *name = cm_strndup(line, n);
    return cm_setting_sounds_secret(name);
}

static bool holds_secret(const struct cm_config_scrubber *s, const char *line)
{
    if (sets_a_secret(line) || has_url_with_password(line))
        return true;
    for (size_t i = 0; i < s->count; i++)
        if (strstr(line, s->secrets[i]))
            return true;
    return false;
}

static void look_for(struct cm_config_scrubber *s, const char *secret)
{
    if (strlen(secret) >= SHORTEST_SECRET)
        s->secrets[s->count++] = secret;
}

struct cm_config_scrubber *cm_config_scrubber_new(struct cm_config_work *w)
{
    struct cm_config_scrubber *s = cm_arena_alloc(w->m->arena, sizeof *s);
    const struct cm_gcfg *g = w->wish->gcfg;
    for (size_t i = 0; i < g->count && s->count < SECRETS_LOOKED_FOR; i++) {
        const char *value = g->list[i].value;
        struct cm_url_seen u = {0};
        if (value && is_secret(&g->list[i]))
            look_for(s, value);
        else if (value && cm_url_look(value, &u) && u.password)
            look_for(s, cm_arena_strdup(w->m->arena, u.password));
        cm_url_seen_fini(&u);
    }
    return s;
}

char *cm_config_comment_add(struct cm_config_work *w, const struct cm_config_scrubber *s, char *before, const char *comment)
{
    if (!comment)
        return before;
    struct cm_str out = CM_STR(CM_STR_BIG);
    for (const char *p = comment; *p;) {
        size_t n = strcspn(p, "\n");
        cm_autofree char *line = cm_strndup(p, n);
        if (out.len)
            cm_str_add(&out, "\n");
        cm_str_add(&out, holds_secret(s, line) ? "# (a line that seemed to hold a secret was left out here)" : line);
        p += n + (p[n] ? 1 : 0);
    }
    char *text =
        before ? cm_arena_fmt(w->m->arena, "%s\n%s", before, cm_str_text(&out)) : cm_arena_strdup(w->m->arena, cm_str_text(&out));
    cm_str_fini(&out);
    return text;
}
