/* actions/pods_verdict.c: what the trials of pods.check mean, over all images. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "actions/look.h"
#include "actions/pods_check.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* The same words for several images are said once. */
void cm_pods_add(struct cm_str *list, const char *words)
{
    if (!strstr(cm_str_text(list), words))
        cm_look_list(list, "%s", words);
}

void cm_pods_say_rights(struct trial *t)
{
    if (t->rights.len)
        cm_finding(t->step, CM_UNKNOWN, "pods.rights",
                   "Ask for the right to create Jobs in the namespace, or for somebody who tries it; then "
                   "attest that pods start.",
                   "this login may not try it: %s", cm_str_text(&t->rights));
}

static void judge_key(struct trial *t, const char *image, const struct cm_trial_seen *s)
{
    if (!s->key)
        return;
    bool hash = strlen(s->key) == 64;
    if (hash && t->key && strcmp(s->key, t->key) == 0)
        t->key_same = true;
    else if (strcmp(s->key, "unreadable") == 0)
        t->key_unreadable = true;
    else if (!hash || t->key) {
        t->key_other = true;
        cm_look_list(&t->keys, "%s: %s", image,
                     hash                            ? "another secret.key"
                     : strcmp(s->key, "absent") == 0 ? "no secret.key"
                                                     : "no folder");
    }
}

/* A host that several images do not reach is said once. */
static void judge_hosts(struct trial *t, const char *hosts, const char *what)
{
    for (const char *at = hosts; at && *at;) {
        size_t n = strcspn(at, " ");
        cm_autofree char *word = cm_fmt(" %.*s ", (int)n, at), *said = cm_fmt("%.*s (%s)", (int)n, at, what);
        bool database = strstr(cm_str_text(&t->databases), word) != NULL;
        if (n)
            cm_pods_add(database ? &t->database_network : &t->no_network, said);
        at += n + (at[n] ? 1 : 0);
    }
}

/* Lines of one list that the other has not, as words. */
static void judge_drivers(struct trial *t, const char *image, const char *there)
{
    cm_autostr lacking = CM_STR(1024);
    cm_autofree char *all = cm_fmt("\n%s\n", there ? there : "");
    for (const char *at = t->drivers ? t->drivers : ""; *at;) {
        size_t n = strcspn(at, "\n");
        cm_autofree char *line = cm_fmt("\n%.*s\n", (int)n, at);
        if (n && !strstr(all, line))
            cm_look_list(&lacking, "%.*s", (int)n, at);
        at += n + (at[n] ? 1 : 0);
    }
    if (lacking.len)
        cm_look_list(&t->no_drivers, "%s: %s", image, cm_str_text(&lacking));
}

static void judge_user(struct trial *t, const char *image, const char *id)
{
    if (!t->user || !id)
        return;
    if (!*id)
        cm_look_list(&t->no_user, "%s does not know %s", image, t->user);
    else if (t->user_id && *t->user_id && strcmp(t->user_id, id) != 0)
        cm_look_list(&t->no_user, "%s has %s with id %s, the server with %s", image, t->user, id, t->user_id);
}

static void late(struct trial *t, const char *what, long seconds)
{
    enum { LATE_S = 5 };
    if (seconds > t->latest_s)
        t->latest_s = seconds;
    if (seconds >= LATE_S)
        cm_look_list(&t->seen_late, "%s after %ld s", what, seconds);
}

void cm_pods_judge(struct trial *t, const char *image, const struct cm_trial_seen *s)
{
    cm_look_list(&t->started, "%s", image);
    cm_pods_add(&t->ids, s->ids ? s->ids : "?");
    judge_key(t, image, s);
    judge_hosts(t, s->no_name, "no address");
    judge_hosts(t, s->no_answer, "no answer");
    if (s->no_trust && *s->no_trust)
        cm_look_list(&t->no_trust, "%s: %s", image, s->no_trust);
    if (s->missing && *s->missing)
        cm_look_list(&t->missing, "%s: %s", image, s->missing);
    judge_drivers(t, image, s->drivers);
    judge_user(t, image, s->user_id);
    if (s->seen_after && strcmp(s->seen_after, "never") == 0) {
        cm_look_list(&t->not_seen, "%s", image);
    } else if (s->seen_after && strcmp(s->seen_after, "closed") != 0) {
        t->seen = true;
        late(t, "a pod saw the server's file", strtol(s->seen_after, NULL, 10));
    }
}

void cm_pods_judge_back(struct trial *t, const char *image, const struct cm_trial_seen *s, const char *owner, long waited_s)
{
    if (!owner) {
        cm_look_list(&t->not_seen_back, "%s", image);
        return;
    }
    t->seen_back = true;
    late(t, "the server saw a pod's file", waited_s);
    if ((*s->made && strcmp(owner, s->made) != 0) || cm_starts(owner, "65534:") || cm_starts(owner, "4294967294:"))
        cm_look_list(&t->squashed, "%s: made as %s, on the server it belongs to %s", image, s->made, owner);
}

/* ---- verdicts ---- */

/* Both ways not seen, with the server's key inside: a copy. One way: a cache that lasts longer than was waited for, perhaps. */
static void say_visibility(struct trial *t)
{
    if (t->not_seen.len && !t->seen && t->not_seen_back.len && !t->seen_back)
        cm_finding(
            t->step, CM_BLOCKER, "pods.copy", "Correct the claim's volume: it must be the server's own folder, not a copy of it.",
            "a file written on the server was not seen in pods within %d s, nor the other way round: claim %s leads to another "
            "folder, if with the same secret.key (a file %s was left in it)",
            t->patience_s, t->claim, CM_TRIAL_FILE_BACK);
    else if (t->not_seen.len || t->not_seen_back.len)
        cm_finding(t->step, CM_UNKNOWN, "pods.visibility",
                   "Compare the folder's listing on both sides; a long cache (actimeo, lookupcache) of the mount may explain it.",
                   "within %d s %s", t->patience_s,
                   t->not_seen.len ? "a file written on the server was not seen in pods"
                                   : "a pod's file was not seen on the server");
    else if (t->seen_late.len)
        cm_finding(t->step, CM_WARNING, "pods.late",
                   "Expect Connect to see what the other side wrote as late as that; a shorter actimeo of the mount helps.",
                   "files are seen late: %s", cm_str_text(&t->seen_late));
    else if (t->seen)
        cm_finding(t->step, CM_OK, "pods.visibility", NULL, "files are seen %s, the other side's after %ld s at most",
                   t->seen_back ? "both ways" : "in pods (their user may not write there)", t->latest_s);
    if (t->squashed.len)
        cm_finding(t->step, CM_WARNING, "pods.owners",
                   "Export the folder without squashing of users, and map ids alike on both sides (NFSv4: the same domain).",
                   "files change their owner on the way: %s", cm_str_text(&t->squashed));
}

static void say_storage(struct trial *t)
{
    if (t->key_other)
        cm_finding(
            t->step, CM_BLOCKER, "pods.storage",
            "Correct the volume or sharedStorage.subPath: with another key the new server refuses the database. Do not reset the key.",
            "what pods mount by claim %s is not the server's folder: %s", t->claim, cm_str_text(&t->keys));
    else if (t->key_same)
        cm_finding(t->step, CM_OK, "pods.storage", NULL, "pods mount the folder with the server's secret.key by claim %s",
                   t->claim);
    else if (t->key_unreadable)
        cm_finding(
            t->step, CM_UNKNOWN, "pods.storage",
            "secret.key is for Connect alone, and content's user may not read it: compare the folder's files by hand, or attest it.",
            "pods mount claim %s, and their user (%s) may not look into its db folder", t->claim, cm_str_text(&t->ids));
}

/* The API server's reason, without the object that it is given for; "": it gives none in these forms. The words may stand in brackets. */
static char *reason_of(const char *words)
{
    static const char *const before[] = {"denied request: ", "denied the request: ", NULL};
    for (size_t i = 0; before[i]; i++) {
        const char *at = strstr(words, before[i]);
        if (!at)
            continue;
        size_t n = strcspn(at, "\n");
        return cm_strndup(at, n - (at[n - 1] == ')' && memchr(at, '(', n) == NULL));
    }
    return cm_strdup("");
}

void cm_pods_refused(struct trial *t, const char *words)
{
    cm_autofree char *reason = reason_of(words);
    if (!t->reason)
        t->reason = cm_arena_strdup(cm_step_arena(t->step), reason);
    else if (*reason && strcmp(t->reason, reason) == 0)
        return; /* said of another image */
    else if (strcmp(t->reason, reason) != 0)
        t->reason = "";
    cm_pods_add(&t->refused, words);
}

/* Is it what speaks against the release's own objects, too? Then it is one thing to mend, and values.dry-run says it. */
static int speaks_against_all(struct trial *t, bool *all, struct cm_err **err)
{
    cm_autofree char *manifests = NULL, *words = NULL;
    cm_autoerr seen = NULL;
    *all = false;
    if (!*t->reason || !cm_walk_has(t->step, "values.check") || cm_helm_template(t->step, NULL, &manifests, &seen) < 0 ||
        cm_kube_dry_run(t->step, manifests, &words, &seen) < 0)
        return seen && cm_look_ends(&seen, err) ? -1 : 0;
    *all = words && strstr(words, t->reason);
    return 0;
}

int cm_pods_say_refused(struct trial *t, const char *what, struct cm_err **err)
{
    bool all;
    if (t->refused.len == 0)
        return 0;
    if (speaks_against_all(t, &all, err) < 0)
        return -1;
    cm_finding(
        t->step, all ? CM_WARNING : CM_BLOCKER, "pods.admission",
        "Change backends.kubernetes.defaultResourceJobBase in the values as these words ask (security context, resources), or ask who "
        "runs the cluster.",
        "%s%s: %s", what, all ? ", for the reason that values.dry-run names" : "", cm_str_text(&t->refused));
    return 0;
}

int cm_pods_say(struct trial *t, struct cm_err **err)
{
    if (cm_pods_say_refused(t, "the cluster refused the Jobs that content runs in", err) < 0)
        return -1;
    cm_pods_say_rights(t);
    if (t->stuck.len)
        cm_finding(t->step, CM_BLOCKER, "pods.start",
                   "Correct the image's name, its pull secret, or what the words name, in the values.",
                   "content would not start: %s", cm_str_text(&t->stuck));
    if (t->waiting.len)
        cm_finding(t->step, CM_UNKNOWN, "pods.waiting",
                   "Look at `kubectl describe pod` and at the cluster's room, and check again.",
                   "the trial's pods did not start in time: %s", cm_str_text(&t->waiting));
    if (t->started.len)
        cm_finding(t->step, CM_OK, "pods.start", NULL, "pods start with %s, as %s", cm_str_text(&t->started), cm_str_text(&t->ids));
    say_storage(t);
    say_visibility(t);
    if (t->database_network.len)
        cm_finding(
            t->step, CM_UNKNOWN, "pods.database",
            "Open the way from the cluster to the database (DNS, firewall, NetworkPolicy); if only Connect's own pod may reach it, attest "
            "that.",
            "content's pods do not reach the database: %s", cm_str_text(&t->database_network));
    if (t->no_network.len)
        cm_finding(t->step, CM_WARNING, "pods.network", "Open the way from the cluster, or drop what is no longer used.",
                   "pods do not reach hosts of the configuration: %s", cm_str_text(&t->no_network));
    if (t->no_trust.len)
        cm_finding(t->step, CM_WARNING, "pods.trust",
                   "Add the authority's certificate to these images, or mount it and set SSL_CERT_FILE, CURL_CA_BUNDLE and "
                   "REQUESTS_CA_BUNDLE in the content's job base.",
                   "images do not accept the TLS of hosts of the configuration: %s", cm_str_text(&t->no_trust));
    if (t->no_drivers.len)
        cm_finding(t->step, CM_WARNING, "pods.drivers",
                   "Content that connects through them needs images with these ODBC drivers (Posit's content-pro images have the "
                   "professional ones).",
                   "ODBC drivers of the server that images have not: %s", cm_str_text(&t->no_drivers));
    if (t->no_user.len)
        cm_finding(t->step, CM_WARNING, "pods.user", "Add this user with the server's ids to the images.",
                   "Applications.RunAs in images: %s", cm_str_text(&t->no_user));
    if (t->missing.len)
        cm_finding(t->step, CM_WARNING, "pods.runtimes",
                   "Correct the paths under executionEnvironments in the values, or use the image that has them.",
                   "runtimes are not where the values say: %s", cm_str_text(&t->missing));
    return 0;
}
