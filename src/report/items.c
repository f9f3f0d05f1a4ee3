/* report/items.c: what an item of content is called, and what became of it, in words for its owner. See items.h. */
#include <config.h>

#include "report/items.h"

#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/parts.h"

/* Posit's API reference, Content, app_mode. */
static const struct {
    const char *mode, *kind;
} kinds[] = {
    {"shiny", "Shiny application"},
    {"rmd-shiny", "Shiny document"},
    {"quarto-shiny", "Shiny document (Quarto)"},
    {"rmd-static", "R Markdown document"},
    {"quarto-static", "Quarto document"},
    {"jupyter-static", "Jupyter notebook"},
    {"jupyter-voila", "Voila application"},
    {"static", "static files"},
    {"api", "R API (Plumber)"},
    {"python-api", "Python API"},
    {"python-fastapi", "Python API (FastAPI)"},
    {"python-dash", "Dash application"},
    {"python-streamlit", "Streamlit application"},
    {"python-bokeh", "Bokeh application"},
    {"python-shiny", "Shiny application (Python)"},
    {"python-gradio", "Gradio application"},
    {"python-panel", "Panel application"},
    {"nodejs", "Node.js application"},
    {"nodejs-api", "Node.js API"},
    {"proxied", "proxied application"},
    {"tensorflow-saved-model", "TensorFlow model"},
    {"unknown", "never published"},
};

const char *cm_item_kind(const char *app_mode)
{
    for (size_t i = 0; app_mode != NULL && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].mode, app_mode) == 0)
            return kinds[i].kind;
    return app_mode;
}

/* ---- what it means for its owner ---- */

static void judged(json_t *item, const char *attention, char *taken_changed, const char *to_do)
{
    json_object_set_new(item, "attention", json_string(attention));
    json_object_set_new(item, "changed", cm_word_text(taken_changed));
    json_object_set_new(item, "to_do", cm_word_text(to_do));
    free(taken_changed);
}

static bool is(const json_t *item, const char *member, const char *word)
{
    return strcmp(cm_json_text(item, member, ""), word) == 0;
}

/* "R 4.4.1, Quarto 1.6.42" */
static char *runtime_text(const json_t *item)
{
    static const char *const languages[] = {"r", "R", "python", "Python", "quarto", "Quarto"};
    cm_autostr s = CM_STR(CM_STR_LINE);
    for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i += 2) {
        const char *version = cm_json_text(item, languages[i], NULL);
        if (version != NULL && *version != '\0')
            cm_str_addf(&s, "%s%s %s", s.len > 0 ? ", " : "", languages[i + 1], version);
    }
    return cm_str_take(&s);
}

static bool must_act(json_t *item)
{
    cm_autofree char *runtime = runtime_text(item);
    if (is(item, "build", "gone") || is(item, "result", "gone"))
        judged(item, "act", cm_strdup("It was there before the move and is not there any more."),
               "If you did not delete it yourself, tell the administrators at once: the old data are kept.");
    else if (is(item, "build", "failed"))
        judged(
            item, "act",
            cm_fmt("It could not be prepared on the new server: %s.", cm_json_text(item, "build_error", "no cause is on record")),
            "Publish it again from your own machine. If that fails in the same way, send the administrators this page.");
    else if (is(item, "result", "differs"))
        judged(item, "act",
               cm_fmt("Its page answers differently from before: %s.", cm_json_text(item, "how", "no detail is on record")),
               "Open it and look. If it is broken, publish it again, or ask the administrators.");
    else if (is(item, "image_found", "none"))
        judged(item, "act",
               cm_fmt("The new server has nothing to run it with: it needs %s.", *runtime != '\0' ? runtime : "another runtime"),
               "Publish it again with a version that the new server has, or ask the administrators for an image with this one.");
    else
        return false;
    return true;
}

static bool should_look(json_t *item)
{
    cm_autofree char *runtime = runtime_text(item);
    if (is(item, "image_found", "other version"))
        judged(item, "look",
               cm_fmt("It ran on %s; the new server runs it on the nearest version that it has%s%s%s.", runtime,
                      *cm_json_text(item, "image", "") != '\0' ? " (container " : "", cm_json_text(item, "image", ""),
                      *cm_json_text(item, "image", "") != '\0' ? ")" : ""),
               "Open it once and compare what it shows with what you expect.");
    else if (is(item, "result", "not-visible"))
        judged(item, "look",
               cm_strdup("It moved; nobody could look at it for you, because only the people on its access list may."),
               "Open it once yourself.");
    else
        return false;
    return true;
}

void cm_item_judge(json_t *item)
{
    if (must_act(item) || should_look(item))
        return;
    if (is(item, "app_mode", "unknown"))
        judged(item, "none", cm_strdup("It was never published; it moved as it is."), NULL);
    else if (is(item, "result", "same"))
        judged(item, "none", cm_strdup("It moved, and its page answers as before."), NULL);
    else if (is(item, "app_mode", "static"))
        judged(item, "none", cm_strdup("It moved. It is made of files only, which need no preparation."), NULL);
    else if (is(item, "build", "built"))
        judged(item, "none", cm_strdup("It moved and is prepared; its page was not compared."), NULL);
    else
        judged(item, "none",
               cm_strdup("It moved. It was not prepared ahead: its first opening takes longer, while its packages are installed."),
               NULL);
}

/* ---- owners ---- */

/* A name that is safe as a file's on every system: what is not a letter, a digit, '.', '-' or '_' becomes '_', and no dot leads. */
static char *file_name(const char *owner)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    for (const char *p = owner; *p != '\0' && s.len < 80; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_' ||
                     (*p == '.' && p > owner);
        cm_str_add_bytes(&s, plain ? p : "_", 1);
    }
    return cm_str_take(&s);
}

/* Two names that become one ("a b" and "a_b", or "Ann" and "ann" on a disk that knows no case) get numbers. */
static void name_files(json_t *owners)
{
    cm_autojson taken = json_object();
    json_t *o;
    size_t i;
    json_array_foreach(owners, i, o)
    {
        cm_autofree char *plain = file_name(cm_json_text(o, "owner", ""));
        cm_autofree char *name = cm_fmt("%s.html", plain), *key = cm_strdup(name);
        for (size_t n = 2;; n++) {
            for (char *p = key; *p != '\0'; p++)
                if (*p >= 'A' && *p <= 'Z')
                    *p = (char)(*p - 'A' + 'a');
            if (json_object_get(taken, key) == NULL)
                break;
            free(name);
            free(key);
            name = cm_fmt("%s-%zu.html", plain, n);
            key = cm_strdup(name);
        }
        json_object_set_new(taken, key, json_true());
        json_object_set_new(o, "file", json_string(name));
    }
}

static int by_owner(const void *a, const void *b)
{
    const json_t *const *left = a, *const *right = b;
    return strcmp(cm_json_text(*left, "owner", ""), cm_json_text(*right, "owner", ""));
}

json_t *cm_items_owners(const json_t *items)
{
    cm_autojson found = json_object();
    json_t *item, *o, *sorted = json_array();
    const char *name;
    size_t i, n = 0;
    json_array_foreach(items, i, item)
    {
        name = cm_json_text(item, "owner", "");
        if (*name == '\0')
            continue;
        o = json_object_get(found, name);
        if (o == NULL) {
            o = json_pack("{s:s, s:i, s:i, s:i}", "owner", name, "items", 0, "act", 0, "look", 0);
            json_object_set_new(found, name, o);
        }
        json_object_set_new(o, "items", json_integer(cm_json_int(o, "items", 0) + 1));
        const char *attention = cm_json_text(item, "attention", "none");
        if (strcmp(attention, "none") != 0)
            json_object_set_new(o, attention, json_integer(cm_json_int(o, attention, 0) + 1));
    }
    json_t **list = cm_alloc((json_object_size(found) + 1) * sizeof *list);
    json_object_foreach(found, name, o) list[n++] = o;
    qsort(list, n, sizeof *list, by_owner);
    for (i = 0; i < n; i++)
        json_array_append(sorted, list[i]);
    free(list);
    name_files(sorted);
    return sorted;
}
