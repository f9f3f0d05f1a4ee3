/* report/items.c: what an item of content is called, and what became of it, in words for its owner. See items.h. */
#include <config.h>

#include "report/items.h"

#include <stdarg.h>
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

static bool is(const json_t *item, const char *member, const char *word)
{
    return strcmp(cm_json_text(item, member, ""), word) == 0;
}

static const char *const languages[] = {"r",      "r_given",      "R",     "python", "python_given", "Python",
                                        "quarto", "quarto_given", "Quarto"};
enum { LANGUAGE_WORDS = sizeof languages / sizeof languages[0] };

/* "R 4.4.1, Quarto 1.6.42"; member 0: what it ran on, 1: what it runs on now */
static char *runtime_text(const json_t *item, size_t member)
{
    cm_autostr s = CM_STR(CM_STR_LINE);
    for (size_t i = 0; i < LANGUAGE_WORDS; i += 3) {
        const char *version = cm_json_text(item, languages[i + member], NULL);
        if (version != NULL && *version != '\0')
            cm_str_addf(&s, "%s%s %s", s.len > 0 ? ", " : "", languages[i + 2], version);
    }
    return cm_str_take(&s);
}

char *cm_item_runtime_given(const json_t *item) { return runtime_text(item, 1); }

/* "R 4.4.1 becomes R 4.4.3; Quarto stays 1.6.42"; "": the new versions are not on record */
static char *runtime_change(const json_t *item)
{
    cm_autostr s = CM_STR(CM_STR_LINE);
    for (size_t i = 0; i < LANGUAGE_WORDS; i += 3) {
        const char *was = cm_json_text(item, languages[i], NULL), *now = cm_json_text(item, languages[i + 1], NULL);
        if (was == NULL || now == NULL)
            continue;
        cm_str_add(&s, s.len > 0 ? "; " : "");
        if (strcmp(was, now) == 0)
            cm_str_addf(&s, "%s stays %s", languages[i + 2], was);
        else
            cm_str_addf(&s, "%s %s becomes %s %s", languages[i + 2], was, languages[i + 2], now);
    }
    return cm_str_take(&s);
}

/* An item may have several reasons; its owner reads them all, and what to do about each. */
struct judgement {
    const char *attention; /* of the worst */
    struct cm_str changed, to_do;
};

static void reason(struct judgement *j, const char *attention, const char *to_do, const char *fmt, ...) CM_PRINTF(4, 5);
static void reason(struct judgement *j, const char *attention, const char *to_do, const char *fmt, ...)
{
    va_list ap;
    if (j->attention == NULL) /* they come worst first */
        j->attention = attention;
    cm_str_add(&j->changed, j->changed.len > 0 ? " " : "");
    va_start(ap, fmt);
    cm_str_vaddf(&j->changed, fmt, ap);
    va_end(ap);
    if (to_do != NULL && strstr(cm_str_text(&j->to_do), to_do) == NULL)
        cm_str_addf(&j->to_do, "%s%s", j->to_do.len > 0 ? " " : "", to_do);
}

/* ---- how an item of its kind is tried out ---- */

/* Documents are rendered, on a schedule or by hand; nobody sees that they broke by opening the last version. */
static bool is_document(const json_t *item)
{
    return is(item, "app_mode", "rmd-static") || is(item, "app_mode", "quarto-static") || is(item, "app_mode", "jupyter-static");
}

static bool is_api(const json_t *item)
{
    return is(item, "app_mode", "api") || is(item, "app_mode", "python-api") || is(item, "app_mode", "python-fastapi") ||
           is(item, "app_mode", "nodejs-api") || is(item, "app_mode", "tensorflow-saved-model");
}

static const char *try_it(const json_t *item)
{
    return is_document(item) ? "Run it once (Refresh) and compare the new version with the last one."
           : is_api(item)    ? "Call one endpoint once and compare the answer with what you expect."
                             : "Open it once and compare what it shows with what you expect.";
}

/* ---- the reasons ---- */

static bool is_gone(struct judgement *j, const json_t *item)
{
    if (!is(item, "build", "gone") && !is(item, "result", "gone"))
        return false;
    reason(j, "act", "If you did not delete it yourself, tell the administrators at once: the old data are kept.",
           "It was there before the move and is not there any more.");
    return true;
}

static void must_act(struct judgement *j, const json_t *item)
{
    cm_autofree char *runtime = runtime_text(item, 0);
    if (is(item, "build", "failed"))
        reason(j, "act",
               "Publish it again from your own machine. If that fails in the same way, send the administrators this page.",
               "It could not be prepared on the new server: %s.", cm_json_text(item, "build_error", "no cause is on record"));
    if (is(item, "result", "differs"))
        reason(j, "act", "Open it and look. If it is broken, publish it again, or ask the administrators.",
               "Its page answers differently from before: %s.", cm_json_text(item, "how", "no detail is on record"));
    if (is(item, "image_found", "none"))
        reason(j, "act",
               "Publish it again with a version that the new server has, or ask the administrators for an image with this one.",
               "The new server has nothing to run it with: it needs %s.", *runtime != '\0' ? runtime : "another runtime");
}

static void should_look(struct judgement *j, const json_t *item)
{
    cm_autofree char *runtime = runtime_text(item, 0), *change = runtime_change(item);
    const char *image = cm_json_text(item, "image", "");
    bool named = *image != '\0';
    if (is(item, "image_found", "other version") && *change != '\0')
        reason(j, "look", try_it(item), "It runs on other versions than before: %s%s%s%s.", change, named ? " (container " : "",
               image, named ? ")" : "");
    else if (is(item, "image_found", "other version"))
        reason(j, "look", try_it(item), "It ran on %s; the new server runs it on the nearest version that it has%s%s%s.", runtime,
               named ? " (container " : "", image, named ? ")" : "");
    if (is(item, "result", "not-visible"))
        reason(j, "look", is_document(item) || is_api(item) ? try_it(item) : "Open it once yourself.",
               "It moved; nobody could look at it for you, because only the people on its access list may.");
}

static void nothing_to_do(struct judgement *j, const json_t *item)
{
    reason(j, "none", NULL, "%s",
           is(item, "app_mode", "unknown")  ? "It was never published; it moved as it is."
           : is(item, "result", "same")     ? "It moved, and its page answers as before."
           : is(item, "app_mode", "static") ? "It moved. It is made of files only, which need no preparation."
           : is(item, "build", "built")     ? "It moved and is prepared; its page was not compared."
                                            : "It moved. It was not prepared ahead: its first opening takes longer, while its "
                                              "packages are installed.");
}

void cm_item_judge(json_t *item)
{
    struct judgement j = {NULL, CM_STR(CM_STR_PAGE), CM_STR(CM_STR_PAGE)};
    if (!is_gone(&j, item)) {
        must_act(&j, item);
        should_look(&j, item);
    }
    if (j.attention == NULL)
        nothing_to_do(&j, item);
    json_object_set_new(item, "attention", json_string(j.attention));
    json_object_set_new(item, "changed", cm_word_text(cm_str_text(&j.changed)));
    json_object_set_new(item, "to_do", cm_word_text(j.to_do.len > 0 ? cm_str_text(&j.to_do) : NULL));
    cm_str_fini(&j.changed);
    cm_str_fini(&j.to_do);
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
