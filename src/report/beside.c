/* report/beside.c: what content may have used of the old machine beside its own files, in words for its owners: from the findings of
 * source.inventory. Names only that stand in people's code (drivers, sources, host names, folders); no address, no machine's name. */
#include <config.h>

#include <ctype.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/page.h"

enum shape { WORDS_ONLY, WHOLE, NAMES, FOLDERS };

/* The ids are contract. The text of a finding ends with its list, behind ": ". */
static const struct {
    const char *id, *words;
    enum shape shape;
} kinds[] = {
    {"source.odbc", "ODBC drivers", WHOLE},
    {"source.odbc-sources", "ODBC data sources", WHOLE},
    {"source.hosts", "names of other machines that only the old server knew", NAMES},
    {"source.mounts", "folders of other file servers", FOLDERS},
    {"source.authorities", "certificates of authorities that were added to the old server", WORDS_ONLY},
    {"source.kerberos", "Kerberos tickets of the old server", WORDS_ONLY},
    {"source.r-site", "settings for every R session (Renviron.site, Rprofile.site)", WORDS_ONLY},
    {"source.pip", "a package index of its own for Python (pip.conf)", WORDS_ONLY},
    {"source.environment", "variables that the old server set for all content", WORDS_ONLY},
    {"source.run-as", "a user account that content ran as", WORDS_ONLY},
    {"source.run-as-users", "user accounts of their own that some items ran as", WORDS_ONLY},
    {"source.run-as-visitor", "that some items ran as the person who looks at them", WORDS_ONLY},
    {"source.run-as-current-user", "that applications ran as the person who looks at them", WORDS_ONLY},
};

/* A line of /etc/hosts begins with an address, which nobody has in their code. */
static bool is_address(const char *word, size_t n) { return isdigit((unsigned char)*word) || memchr(word, ':', n) != NULL; }

static void add_names(struct cm_str *out, const char *list)
{
    const char *sign = "";
    for (const char *at = list; *at != '\0';) {
        size_t n = strcspn(at, " ,");
        if (n > 0 && !is_address(at, n)) {
            cm_str_addf(out, "%s%.*s", sign, (int)n, at);
            sign = ", ";
        }
        at += n;
        at += strspn(at, " ,");
    }
}

/* "/mnt/data (nfs4 server:/export), /mnt/more (…)": without what stands in brackets, which names servers */
static void add_folders(struct cm_str *out, const char *list)
{
    for (const char *at = list; *at != '\0';) {
        size_t n = strcspn(at, "(");
        bool open = at[n] == '(';
        cm_str_addf(out, "%.*s", (int)(open && n > 0 && at[n - 1] == ' ' ? n - 1 : n), at);
        at += n;
        const char *end = strchr(at, ')');
        at = open && end != NULL ? end + 1 : at + strlen(at);
    }
}

static void add_one(struct cm_str *out, size_t kind, const char *seen)
{
    const char *list = strstr(seen, ": ");
    cm_str_addf(out, "%s%s", out->len > 0 ? "; " : "", kinds[kind].words);
    if (kinds[kind].shape == WORDS_ONLY || list == NULL)
        return;
    cm_str_add(out, ": ");
    if (kinds[kind].shape == NAMES)
        add_names(out, list + 2);
    else if (kinds[kind].shape == FOLDERS)
        add_folders(out, list + 2);
    else
        cm_str_add(out, list + 2);
}

static bool is_waived(const json_t *report, const char *id)
{
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(report, "said"), i, s) if (strcmp(cm_json_text(s, "what", ""), "waived") == 0 &&
                                                                  strcmp(cm_json_text(s, "id", ""), id) == 0) return true;
    return false;
}

char *cm_page_beside(const json_t *report)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    size_t i;
    json_t *f;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        json_array_foreach(json_object_get(report, "findings"), i, f)
        {
            const char *id = cm_json_text(f, "id", "");
            if (strcmp(id, kinds[k].id) == 0 && strcmp(cm_json_text(f, "verdict", ""), "warning") == 0 && !is_waived(report, id))
                add_one(&s, k, cm_json_text(f, "seen", ""));
        }
    return cm_str_take(&s);
}
