/* actions/runtimes_compare.c: the R, Python and Quarto versions in use against the images of the new server
 * (executionEnvironments of the values).
 *
 * Matching rules are Connect's (off-host execution environments): an image must fit all languages of an item at once; by
 * default R takes the nearest version there is, Python one of the same major version; `matching` of an environment is any, exact
 * or none (used only when chosen by name). VersionMatching of a language's section in the configuration (exact, major-minor,
 * major, nearest) is honoured where it is set. Does not: look into images. */
#include <config.h>

#include <string.h>
#include <strings.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/content.h"
#include "actions/look.h"
#include "actions/source.h"
#include "actions/target.h"
#include "base/json.h"
#include "base/mem.h"

enum { LANGUAGES = 3, NAMED_MAX = 5, ROWS_MAX = 30 };
enum rule { ANY_VERSION, SAME_MAJOR, SAME_MINOR, SAME_VERSION };
enum verdict { NONE, OTHER, EXACT };
/* How near a version is; of several images the nearest is named. */
enum nearness { FAR_OFF, ANOTHER, MAJOR_ALIKE, MINOR_ALIKE, EQUAL };

static const struct language {
    const char *word, *section, *member, *installations;
    enum rule usual;
} languages[LANGUAGES] = {
    {"R", "R", "r_version", "r.installations", ANY_VERSION},
    {"Python", "Python", "py_version", "python.installations", SAME_MAJOR},
    {"Quarto", "Quarto", "quarto_version", "quarto.installations", ANY_VERSION},
};

struct compare {
    struct cm_step *step;
    const json_t *images;
    enum rule rules[LANGUAGES];
    json_t *known;  /* {"R 4.3.1 + Python 3.11.2": {"verdict", "image", "items", "versions": {"R": "4.4.0" …}}} */
    json_t *owners; /* of items without an image, with how many */
    uint64_t items, without, other;
    FILE *out;
    enum verdict pass; /* which rows this pass over the inventory writes */
};

/* Do the first n numbers of two versions agree? */
static bool same_numbers(const char *a, const char *b, int n)
{
    for (int i = 0; i < n; i++) {
        char *end_a, *end_b;
        long x = strtol(a, &end_a, 10), y = strtol(b, &end_b, 10);
        if (end_a == a || end_b == b || x != y)
            return false;
        a = *end_a == '.' ? end_a + 1 : end_a;
        b = *end_b == '.' ? end_b + 1 : end_b;
    }
    return true;
}

static enum nearness nearness(const char *wanted, const char *there)
{
    if (strcmp(wanted, there) == 0)
        return EQUAL;
    if (same_numbers(wanted, there, 2))
        return MINOR_ALIKE;
    return same_numbers(wanted, there, 1) ? MAJOR_ALIKE : ANOTHER;
}

/* FAR_OFF where the rule does not allow it. */
static enum nearness allowed(enum nearness n, enum rule rule)
{
    static const enum nearness least[] = {
        [ANY_VERSION] = ANOTHER, [SAME_MAJOR] = MAJOR_ALIKE, [SAME_MINOR] = MINOR_ALIKE, [SAME_VERSION] = EQUAL};

    return n >= least[rule] ? n : FAR_OFF;
}

static enum nearness language_in(const struct compare *c, const json_t *image, size_t language, const char *wanted)
{
    const json_t *there = cm_json_at(image, languages[language].installations);
    const char *matching = cm_json_text(image, "matching", "any");
    enum rule rule = strcmp(matching, "exact") == 0 ? SAME_VERSION : c->rules[language];
    enum nearness best = FAR_OFF;

    for (size_t i = 0; i < json_array_size(there); i++) {
        enum nearness n = allowed(nearness(wanted, cm_json_text(json_array_get(there, i), "version", "")), rule);
        best = n > best ? n : best;
    }
    return best;
}

static enum verdict image_for(const struct compare *c, const char *const wanted[LANGUAGES], const json_t **chosen)
{
    enum nearness best = FAR_OFF;

    *chosen = NULL;
    for (size_t i = 0; i < json_array_size(c->images); i++) {
        const json_t *image = json_array_get(c->images, i);
        enum nearness all = strcmp(cm_json_text(image, "matching", "any"), "none") == 0 ? FAR_OFF : EQUAL;
        for (size_t k = 0; k < LANGUAGES && all != FAR_OFF; k++) {
            enum nearness n = wanted[k] != NULL ? language_in(c, image, k, wanted[k]) : EQUAL;
            all = n < all ? n : all;
        }
        if (all > best) {
            best = all;
            *chosen = image;
        }
    }
    return best == FAR_OFF ? NONE : best == EQUAL ? EXACT : OTHER;
}

/* What an item gets from the image; several that are equally near are all named, since which one Connect takes is not documented. */
static char *version_given(const struct compare *c, const json_t *image, size_t language, const char *wanted)
{
    const json_t *there = cm_json_at(image, languages[language].installations);
    enum nearness best = language_in(c, image, language, wanted);
    cm_autostr out = CM_STR(CM_STR_LINE);

    for (size_t i = 0; best != FAR_OFF && i < json_array_size(there); i++) {
        const char *version = cm_json_text(json_array_get(there, i), "version", "");
        if (nearness(wanted, version) == best)
            cm_str_addf(&out, "%s%s", out.len > 0 ? " or " : "", version);
    }
    return cm_str_take(&out);
}

/* {"R": "4.4.3", "Quarto": "1.6.42"} */
static json_t *versions_given(const struct compare *c, const json_t *image, const char *const wanted[LANGUAGES])
{
    json_t *versions = json_object();

    for (size_t k = 0; image != NULL && k < LANGUAGES; k++) {
        cm_autofree char *given = wanted[k] != NULL ? version_given(c, image, k, wanted[k]) : NULL;
        if (given != NULL)
            (void)json_object_set_new(versions, languages[k].word, json_string(given));
    }
    return versions;
}

/* Which runtimes an item needs; false: none (static, never published). */
static bool needs(const json_t *item, const char *wanted[LANGUAGES])
{
    bool any = false;

    if (!json_is_string(json_object_get(item, "bundle_id")) || strcmp(cm_json_text(item, "app_mode", ""), "static") == 0)
        return false;
    for (size_t k = 0; k < LANGUAGES; k++) {
        const char *version = cm_json_text(item, languages[k].member, NULL);
        wanted[k] = version != NULL && *version != '\0' ? version : NULL;
        any = any || wanted[k] != NULL;
    }
    return any;
}

static char *describe(const char *const wanted[LANGUAGES])
{
    cm_autostr out = CM_STR(CM_STR_LINE);

    for (size_t k = 0; k < LANGUAGES; k++)
        if (wanted[k] != NULL)
            cm_str_addf(&out, "%s%s %s", out.len > 0 ? " + " : "", languages[k].word, wanted[k]);
    return cm_str_take(&out);
}

static int judge_item(void *ctx, const json_t *item, struct cm_err **err)
{
    struct compare *c = ctx;
    const char *wanted[LANGUAGES];
    const json_t *image;

    (void)err;
    if (!needs(item, wanted))
        return 0;
    cm_autofree char *key = describe(wanted);
    json_t *entry = json_object_get(c->known, key);
    if (entry == NULL) {
        enum verdict v = image_for(c, wanted, &image);
        entry = json_pack("{s:i, s:s, s:i, s:o}", "verdict", (int)v, "image", cm_json_text(image, "name", ""), "items", 0,
                          "versions", versions_given(c, image, wanted));
        (void)json_object_set_new(c->known, key, entry);
    }
    int64_t v = cm_json_int(entry, "verdict", NONE);
    (void)json_object_set_new(entry, "items", json_integer(cm_json_int(entry, "items", 0) + 1));
    c->items++;
    c->other += v == OTHER;
    if (v == NONE) {
        const char *owner = cm_json_text(item, "owner", cm_json_text(item, "owner_guid", "nobody"));
        c->without++;
        (void)json_object_set_new(c->owners, owner, json_integer(cm_json_int(c->owners, owner, 0) + 1));
    }
    return 0;
}

/* ---- runtimes.csv: items with no image first, then those that get another version ---- */

static int write_item(void *ctx, const json_t *item, struct cm_err **err)
{
    struct compare *c = ctx;
    const char *wanted[LANGUAGES];

    (void)err;
    if (!needs(item, wanted))
        return 0;
    cm_autofree char *key = describe(wanted);
    const json_t *entry = json_object_get(c->known, key);
    if (cm_json_int(entry, "verdict", EXACT) != (int64_t)c->pass)
        return 0;
    fputs(c->pass == NONE ? "none" : "other version", c->out);
    const char *const fields[] = {cm_json_text(item, "owner", ""),
                                  cm_json_text(item, "guid", ""),
                                  cm_json_text(item, "title", cm_json_text(item, "name", "")),
                                  wanted[0],
                                  wanted[1],
                                  wanted[2],
                                  cm_json_text(entry, "image", ""),
                                  cm_json_text(entry, "versions.R", ""),
                                  cm_json_text(entry, "versions.Python", ""),
                                  cm_json_text(entry, "versions.Quarto", "")};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        fputc(',', c->out);
        cm_csv_field(c->out, fields[i]);
    }
    fputc('\n', c->out);
    return 0;
}

static int write_csv(struct compare *c, struct cm_err **err)
{
    if (cm_artifact_begin(c->step, "runtimes.csv", &c->out, err) < 0)
        return -1;
    fputs("image_found,owner,guid,title,r,python,quarto,image,r_given,python_given,quarto_given\n", c->out);
    for (c->pass = NONE; c->pass < EXACT; c->pass++)
        if (cm_inventory_each(c->step, write_item, c, err) < 0) {
            cm_artifact_drop(c->step, c->out);
            return -1;
        }
    return cm_artifact_keep(c->step, c->out, err);
}

/* ---- what is told ---- */

static char *named(const struct compare *c, enum verdict wanted)
{
    cm_autostr out = CM_STR(CM_STR_LINE);
    const char *key;
    json_t *entry;
    size_t n = 0;

    json_object_foreach(c->known, key, entry)
    {
        if (cm_json_int(entry, "verdict", EXACT) != (int64_t)wanted)
            continue;
        if (n++ < NAMED_MAX)
            cm_str_addf(&out, "%s%s (%lld)", out.len > 0 ? "; " : "", key, (long long)cm_json_int(entry, "items", 0));
    }
    if (n > NAMED_MAX)
        cm_str_addf(&out, "; and %zu more", n - NAMED_MAX);
    return cm_str_take(&out);
}

/* "ann 7, bob 4" */
static char *owners_named(const struct compare *c)
{
    cm_autostr out = CM_STR(CM_STR_LINE);
    const char *owner;
    json_t *items;
    size_t n = 0;

    json_object_foreach(c->owners, owner, items)
    {
        if (n++ < ROWS_MAX)
            cm_str_addf(&out, "%s%s %lld", out.len > 0 ? ", " : "", owner, (long long)json_integer_value(items));
    }
    if (n > ROWS_MAX)
        cm_str_addf(&out, ", and %zu more owners in runtimes.csv", n - ROWS_MAX);
    return cm_str_take(&out);
}

/* The runtimes that this image is for, with their items; "": those that none is for. */
static void add_runtimes(const struct compare *c, const char *image, struct cm_str *out)
{
    const char *key;
    json_t *entry;
    size_t n = 0;

    json_object_foreach(c->known, key, entry)
    {
        if (strcmp(cm_json_text(entry, "image", ""), image) != 0)
            continue;
        if (n++ == 0)
            cm_str_addf(out, "%s%s: ", out->len > 0 ? "; " : "", *image != '\0' ? image : "no image");
        if (n <= ROWS_MAX)
            cm_str_addf(out, "%s%s (%lld%s)", n > 1 ? ", " : "", key, (long long)cm_json_int(entry, "items", 0),
                        cm_json_int(entry, "verdict", EXACT) == OTHER ? ", on another version" : "");
    }
    if (n > ROWS_MAX)
        cm_str_addf(out, " and %zu more", n - ROWS_MAX);
}

/* Runtime, items, image: what fits no image first. */
static char *table(const struct compare *c)
{
    cm_autostr out = CM_STR(CM_STR_PAGE);

    add_runtimes(c, "", &out);
    for (size_t i = 0; i < json_array_size(c->images); i++)
        add_runtimes(c, cm_json_text(json_array_get(c->images, i), "name", ""), &out);
    return cm_str_take(&out);
}

static void report(struct compare *c)
{
    cm_autofree char *none = named(c, NONE), *other = named(c, OTHER), *all = table(c), *owners = owners_named(c);

    if (json_array_size(c->images) == 0) {
        cm_finding(c->step, CM_WARNING, "runtimes.no-images", "Name the content images under executionEnvironments in the values.",
                   "the values name no execution environment: content runs only on those that are in the database already");
        return;
    }
    if (c->without > 0)
        cm_finding(c->step, CM_WARNING, "runtimes.no-image",
                   "Add an image with these versions to executionEnvironments, or ask the owners in runtimes.csv to publish again.",
                   "items that fit no image: %llu (%s): %s", (unsigned long long)c->without, owners, none);
    if (c->other > 0)
        cm_finding(c->step, CM_OK, "runtimes.other-version", NULL, "items that will run on another version than today: %llu: %s",
                   (unsigned long long)c->other, other);
    if (c->items > 0)
        cm_finding(c->step, CM_OK, "runtimes.images", NULL, "runtimes in use, with their items, by image: %s", all);
}

static int set_fact(struct compare *c, struct cm_err **err)
{
    static const char *const words[] = {"none", "other", "exact"};
    json_t *versions = json_object(), *entry;
    const char *key;

    json_object_foreach(c->known, key, entry)
    {
        int64_t v = cm_json_int(entry, "verdict", NONE);
        (void)json_object_set_new(versions, key,
                                  json_pack("{s:s, s:s, s:I, s:O}", "verdict", words[v], "image", cm_json_text(entry, "image", ""),
                                            "items", (json_int_t)cm_json_int(entry, "items", 0), "versions",
                                            json_object_get(entry, "versions")));
    }
    return cm_fact_set(c->step, "runtimes.compare",
                       json_pack("{s:I, s:I, s:I, s:o}", "items", (json_int_t)c->items, "without_image", (json_int_t)c->without,
                                 "other_version", (json_int_t)c->other, "runtimes", versions),
                       err);
}

/* ---- the rules in force ---- */

static enum rule rule_of(const char *word, enum rule usual)
{
    static const struct {
        const char *word;
        enum rule rule;
    } words[] = {
        {"exact", SAME_VERSION},
        {"major-minor", SAME_MINOR},
        {"major", SAME_MAJOR},
        {"nearest", ANY_VERSION},
    };
    for (size_t i = 0; word != NULL && i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(word, words[i].word) == 0)
            return words[i].rule;
    return usual;
}

static void read_rules(struct compare *c, const json_t *values)
{
    const struct cm_source *source = NULL;
    cm_autoerr unread = NULL;

    if (cm_source_read(c->step, &source, &unread) < 0)
        source = NULL;
    for (size_t k = 0; k < LANGUAGES; k++) {
        const char *word = json_string_value(cm_look_config(values, languages[k].section, "VersionMatching"));
        if (word == NULL && source != NULL)
            word = cm_gcfg_get(source->gcfg, languages[k].section, NULL, "VersionMatching");
        c->rules[k] = rule_of(word, languages[k].usual);
    }
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    cm_autojson known = json_object();
    cm_autojson owners = json_object();
    struct compare c = {.step = step, .known = known, .owners = owners};
    const json_t *values;

    if (cm_target_base_json(step, &values, err) < 0)
        return -1;
    c.images = json_object_get(values, "executionEnvironments");
    read_rules(&c, values);
    if (cm_inventory_each(step, judge_item, &c, err) < 0 || write_csv(&c, err) < 0)
        return -1;
    report(&c);
    return set_fact(&c, err);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_will(step, "write", "artifacts/runtimes.csv");
    return 0;
}

static const char *const facts_needed[] = {"content.inventory", NULL};
static const char *const facts_given[] = {"runtimes.compare", NULL};

const struct cm_action cm_action_runtimes_compare = {
    .name = "runtimes.compare",
    .summary = "Compare the runtimes in use with the images",
    .page = "https://docs.posit.co/connect/admin/appendix/off-host/execution-environments/",
    .kind = CM_COMPUTE,
    .needs = facts_needed,
    .gives = facts_given,
    .preview = preview,
    .apply = apply,
    .reads = "inventory.jsonl; executionEnvironments of the merged values; VersionMatching of R, Python and Quarto.",
    .does = "Writes runtimes.csv: items that fit no image by owner, and items that will run on another version.",
    .proves = "Which items cannot run or be built for want of an image; not what is installed in an image.",
    .rights = "None beyond reading the values files.",
};
