/* actions/findings.c: the families of findings, and the search by id (actions/findings.h). The rows stand in findings_server.c and
 * findings_target.c. */
#include <config.h>

#include "actions/findings.h"

#include <string.h>

#include <cm/str.h>

#include "base/mem.h"

const struct cm_finding_family cm_finding_families[] = {
    {"database", "The database", cm_findings_database},
    {"storage", "The data folder and its volume", cm_findings_storage},
    {"server", "The old server: version, key, what content finds there", cm_findings_server},
    {"license", "The license", cm_findings_license},
    {"cluster", "The cluster and the release", cm_findings_cluster},
    {"pods", "The trial with short-lived pods", cm_findings_pods},
    {"config", "Settings of the server that become values", cm_findings_config},
    {"values", "The values files", cm_findings_values},
    {"access", "How users reach Connect", cm_findings_access},
    {"content", "Content", cm_findings_content},
    {"other", "Checks that could not be done, and what is left over", cm_findings_other},
    {NULL, NULL, NULL},
};

/* '*' stands for at least one character; a pattern has one. */
static bool fits(const char *pattern, const char *id)
{
    const char *star = strchr(pattern, '*');
    if (!star)
        return strcmp(pattern, id) == 0;
    size_t before = (size_t)(star - pattern), after = strlen(star + 1), n = strlen(id);
    return n > before + after && strncmp(pattern, id, before) == 0 && strcmp(id + n - after, star + 1) == 0;
}

static const struct cm_finding_text *find(const char *id)
{
    for (const struct cm_finding_family *f = cm_finding_families; f->name; f++)
        for (const struct cm_finding_text *t = f->rows; t->id; t++)
            if (fits(t->id, id))
                return t;
    return NULL;
}

const struct cm_finding_text *cm_finding_find(const char *id)
{
    static const char second[] = "database.instrumentation-";
    if (strncmp(id, second, strlen(second)) != 0)
        return find(id);
    cm_autofree char *core = cm_fmt("database.%s", id + strlen(second)); /* the same questions, of the other database */
    return find(core);
}

const char **cm_finding_ids(void)
{
    size_t n = 0, cap = 0;
    const char **ids = NULL;
    for (const struct cm_finding_family *f = cm_finding_families; f->name; f++)
        for (const struct cm_finding_text *t = f->rows; t->id; t++) {
            ids = cm_grow(ids, &cap, n + 2, sizeof *ids);
            ids[n++] = t->id;
        }
    return ids;
}
