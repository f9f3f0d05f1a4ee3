/* actions/access_check.c: access.check: how users reach Connect, before and after: its public address, the Ingress that the values
 * ask for, its certificate.
 *
 * Body limit and sticky cookie are what the vendor's ingress example sets for nginx. Without an Ingress in the values the way in is
 * somebody else's (a load balancer), and the step access.open names it. Nothing here is a blocker: users are let in last. */
#include <config.h>

#include <netdb.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "actions/look.h"
#include "actions/source.h"
#include "adapters/certificate.h"
#include "adapters/http.h"
#include "adapters/kubectl.h"
#include "adapters/outside.h"
#include "adapters/postgres.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "plan/plan.h"

enum { PUBLIC_LIMIT_MS = 10000, CERTIFICATE_SOON_DAYS = 21 };

/* ---- the address ---- */

static void judge_address(struct cm_step *step, const struct cm_source *s, const json_t *values)
{
    const char *planned = json_string_value(cm_look_config(values, "Server", "Address"));
    cm_autofree char *now = s->address ? cm_look_url_host(s->address) : NULL;
    cm_autofree char *then = planned ? cm_look_url_host(planned) : NULL;
    const char *provider = cm_gcfg_get(s->gcfg, "Authentication", NULL, "Provider");
    bool redirects = provider && (strcasecmp(provider, "oauth2") == 0 || strcasecmp(provider, "saml") == 0);
    if (!s->address && !planned)
        cm_finding(step, CM_WARNING, "access.address", "Set config.Server.Address in the values to the address that users type.",
                   "Server.Address is not set on the server: links in mails, and redirects after a login, would name localhost");
    else if (then && now && strcmp(then, now) != 0)
        cm_finding(step, CM_WARNING, "access.address",
                   redirects
                       ? "If the change is meant, register the new redirect address with the identity provider before the evening."
                       : "If the change is meant, tell the users; otherwise correct config.Server.Address in the values.",
                   "the server's address is %s, the values say %s", s->address, planned);
    else if (cm_pg_host_is_local(then ? then : now))
        cm_finding(step, CM_WARNING, "access.address", "Set config.Server.Address in the values to the address that users type.",
                   "Server.Address is %s, which only the machine itself can reach", planned ? planned : s->address);
    else
        cm_finding(step, CM_OK, "access.address", NULL, "users come to %s", planned ? planned : s->address);
}

static int ask_public(struct cm_step *step, struct cm_err **err)
{
    const struct cm_plan *plan = cm_step_plan(step);
    cm_autoerr seen = NULL;
    cm_autofree char *url = cm_source_public_url(step, &seen);
    if (!url) {
        if (cm_look_ends(&seen, err))
            return -1;
        return 0; /* the address itself was said to be missing */
    }
    cm_autofree char *ping = cm_fmt("%s/__ping__", url);
    struct cm_http_request r = {.method = "GET",
                                .url = ping,
                                .ca_file = cm_plan_text(plan, "connect.ca_file"),
                                .timeout_ms = PUBLIC_LIMIT_MS,
                                .body_max_bytes = 65536};
    struct cm_http_answer a = {0};
    if (cm_http_do(cm_outside_http(cm_step_outside(step)), &r, &a, err) < 0)
        return -1;
    if (a.status == 0)
        cm_finding(step, CM_UNKNOWN, "access.unreachable",
                   "Look at it in a browser here; a certificate of your own authority is named by connect.ca_file in the plan.",
                   "%s could not be reached from here: %s", url, a.problem ? a.problem : "no answer");
    else if (a.status == 402)
        cm_finding(step, CM_WARNING, "access.public", "Look at the license first.", "%s answers 402: no valid license", url);
    else if (a.status == 200)
        cm_finding(step, CM_OK, "access.public", NULL, "%s answers", url);
    else
        cm_finding(step, CM_WARNING, "access.public",
                   "Make sure that this is Connect's address; a login page of a proxy in front answers so.",
                   "%s answers %ld to a question for its health", url, a.status);
    cm_http_answer_fini(&a);
    return 0;
}

/* ---- the Ingress ---- */

static bool host_matches(const char *pattern, const char *host)
{
    if (!pattern || !*pattern)
        return true; /* no host: all of them */
    if (cm_starts(pattern, "*.")) {
        const char *dot = strchr(host, '.');
        return dot && strcasecmp(dot, pattern + 1) == 0;
    }
    return strcasecmp(pattern, host) == 0;
}

static bool some_host_matches(const json_t *ingress, const char *host, struct cm_str *list)
{
    const json_t *one;
    size_t i;
    bool any = false;
    json_array_foreach(json_object_get(ingress, "hosts"), i, one)
    {
        const char *name = json_is_string(one) ? json_string_value(one) : cm_json_text(one, "host", "");
        any |= host_matches(name, host);
        cm_look_list(list, "%s", *name ? name : "(all)");
    }
    return any;
}

static bool annotated(const json_t *ingress, const char *word)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(ingress, "annotations"), key, value)
    {
        if (strstr(key, word))
            return true;
    }
    return false;
}

static bool is_nginx(const json_t *ingress)
{
    return strcasestr(cm_json_text(ingress, "ingressClassName", ""), "nginx") || annotated(ingress, "nginx.ingress.kubernetes.io");
}

static void judge_nginx(struct cm_step *step, const json_t *values, const json_t *ingress)
{
    if (!is_nginx(ingress))
        return;
    if (!annotated(ingress, "proxy-body-size"))
        cm_finding(step, CM_WARNING, "access.body-limit",
                   "Add `nginx.ingress.kubernetes.io/proxy-body-size: \"0\"` under ingress.annotations in the values.",
                   "the Ingress sets no body limit, and nginx refuses uploads above 1 MiB: nobody could publish");
    if (cm_json_int(values, "replicas", 1) > 1 && !annotated(ingress, "affinity"))
        cm_finding(step, CM_WARNING, "access.sticky",
                   "Add `nginx.ingress.kubernetes.io/affinity: cookie` under ingress.annotations in the values.",
                   "%lld replicas without a sticky cookie: sessions and tasks would be lost between them",
                   (long long)cm_json_int(values, "replicas", 1));
}

static const char *tls_secret(const json_t *ingress, const char *host)
{
    const json_t *one, *name;
    size_t i, k;
    json_array_foreach(json_object_get(ingress, "tls"), i, one)
    {
        const json_t *hosts = json_object_get(one, "hosts");
        if (json_array_size(hosts) == 0)
            return cm_json_text(one, "secretName", NULL);
        json_array_foreach(hosts, k, name)
        {
            if (json_is_string(name) && host_matches(json_string_value(name), host))
                return cm_json_text(one, "secretName", NULL);
        }
    }
    return NULL;
}

static void judge_certificate(struct cm_step *step, const char *secret, const char *host, const char *base64)
{
    struct cm_certificate c;
    cm_autoerr seen = NULL;
    if (cm_certificate_of_secret(base64, host, &c, &seen) < 0) {
        cm_finding(step, CM_WARNING, "access.certificate", "Put a PEM certificate chain into tls.crt.", "Secret %s: %s", secret,
                   cm_err_message(seen));
        return;
    }
    int64_t now = cm_clock_wall(&cm_clock_system), days = (c.ends_ms - now) / 86400000;
    cm_autofree char *end = cm_time_text(c.ends_ms);
    const char *remedy = "Get a certificate for the public name before the evening, and put it into that Secret.";
    if (!c.for_host)
        cm_finding(step, CM_WARNING, "access.certificate", remedy, "the certificate in Secret %s is for %s, not for %s", secret,
                   c.names, host);
    else if (c.ends_ms <= now)
        cm_finding(step, CM_WARNING, "access.certificate", remedy, "the certificate in Secret %s ended at %s", secret, end);
    else if (days < CERTIFICATE_SOON_DAYS)
        cm_finding(step, CM_WARNING, "access.certificate", remedy, "the certificate in Secret %s has %lld days left", secret,
                   (long long)days);
    else
        cm_finding(step, CM_OK, "access.certificate", NULL, "the certificate in Secret %s is for %s, until %s", secret, host, end);
    cm_certificate_fini(&c);
}

static int judge_tls(struct cm_step *step, const json_t *ingress, const char *host, bool https, struct cm_err **err)
{
    const char *secret = tls_secret(ingress, host);
    cm_autojson object = NULL;
    cm_autoerr seen = NULL;
    enum cm_seen what = CM_ABSENT;
    if (!secret) {
        if (https && json_array_size(json_object_get(ingress, "tls")) == 0 && !annotated(ingress, "cert"))
            cm_finding(step, CM_WARNING, "access.tls", "Add ingress.tls to the values, unless TLS ends in front of the Ingress.",
                       "users come by https, and the Ingress in the values has no tls section");
        return 0;
    }
    if (strstr(secret, "{{"))
        return 0;
    if (cm_kube_get(step, "secret", secret, NULL, &object, &what, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    const char *base64 = json_string_value(json_object_get(json_object_get(object, "data"), "tls.crt"));
    if (base64)
        judge_certificate(step, secret, host, base64);
    return 0;
}

/* Without a name the default class serves it, where there is one. */
static int judge_default_class(struct cm_step *step, struct cm_err **err)
{
    cm_autojson list = NULL;
    cm_autoerr seen = NULL;
    enum cm_seen what = CM_ABSENT;
    const json_t *one;
    size_t i;
    cm_autostr names = CM_STR(512);
    if (cm_kube_get_in(step, "", "ingressclass", NULL, NULL, &list, &what, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    if (what != CM_SEEN)
        return 0;
    json_array_foreach(json_object_get(list, "items"), i, one)
    {
        const char *is_default = json_string_value(
            json_object_get(cm_json_at(one, "metadata.annotations"), "ingressclass.kubernetes.io/is-default-class"));
        if (is_default && strcmp(is_default, "true") == 0)
            return 0;
        cm_look_list(&names, "%s", cm_json_text(one, "metadata.name", "?"));
    }
    cm_finding(step, CM_WARNING, "access.ingress-class", "Say ingress.ingressClassName in the values.",
               "the Ingress in the values names no class, and the cluster has no default one (it has %s): nobody would serve it",
               names.len ? cm_str_text(&names) : "none at all");
    return 0;
}

static int judge_class(struct cm_step *step, const json_t *ingress, struct cm_err **err)
{
    const char *name = cm_json_text(ingress, "ingressClassName", "");
    cm_autojson object = NULL;
    cm_autoerr seen = NULL;
    enum cm_seen what = CM_ABSENT;
    if (!*name)
        return annotated(ingress, "kubernetes.io/ingress.class") ? 0 : judge_default_class(step, err);
    if (cm_kube_get_in(step, "", "ingressclass", name, NULL, &object, &what, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    if (what == CM_ABSENT)
        cm_finding(step, CM_WARNING, "access.ingress-class", "Name one that `kubectl get ingressclass` lists.",
                   "there is no ingress class %s in the cluster: nobody would serve the Ingress", name);
    return 0;
}

/* target.resolve: where the public name will lead to. */
static void judge_resolve(struct cm_step *step)
{
    const char *name = cm_plan_text(cm_step_plan(step), "target.resolve");
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    if (!name)
        return;
    int rc = getaddrinfo(name, NULL, &hints, &found);
    if (rc != 0)
        cm_finding(step, CM_WARNING, "access.resolve",
                   "Correct target.resolve in the plan, or have the name made before the evening.",
                   "target.resolve %s has no address as seen from here: %s", name, gai_strerror(rc));
    else
        cm_finding(step, CM_OK, "access.resolve", NULL, "%s, where the public name will lead to, has an address", name);
    if (found)
        freeaddrinfo(found);
}

static int judge_ingress(struct cm_step *step, const struct cm_source *s, const json_t *values, struct cm_err **err)
{
    const json_t *ingress = json_object_get(values, "ingress");
    const char *planned = json_string_value(cm_look_config(values, "Server", "Address")), *address = planned ? planned : s->address;
    cm_autofree char *host = address ? cm_look_url_host(address) : NULL;
    cm_autostr hosts = CM_STR(512);
    if (!cm_json_bool(ingress, "enabled", false)) {
        cm_finding(step, CM_OK, "access.ingress", NULL,
                   "the values ask for no Ingress: users are led to the Service (%s) by other means, as "
                   "the step access.open says",
                   cm_json_text(values, "service.type", "ClusterIP"));
        return 0;
    }
    bool fits = host && some_host_matches(ingress, host, &hosts);
    if (host && !fits)
        cm_finding(step, CM_WARNING, "access.ingress", "Add the public name to ingress.hosts in the values.",
                   "the Ingress in the values serves %s, not %s", hosts.len ? cm_str_text(&hosts) : "no host", host);
    else
        cm_finding(step, CM_OK, "access.ingress", NULL, "the Ingress in the values serves %s", cm_str_text(&hosts));
    judge_nginx(step, values, ingress);
    if (judge_class(step, ingress, err) < 0)
        return -1;
    return host ? judge_tls(step, ingress, host, cm_starts(address, "https:"), err) : 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    const struct cm_source *s;
    const json_t *values = cm_look_values(step);
    cm_autoerr seen = NULL;
    if (cm_source_read(step, &s, &seen) < 0) {
        if (cm_look_failed(step, "access.unknown", "how users reach Connect could not be read on the server",
                           "Make `ssh NODE` work from here without a password, then check again.", &seen, err) < 0)
            return -1;
        return cm_plan_text(cm_step_plan(step), "connect.url") ? ask_public(step, err) : 0;
    }
    judge_address(step, s, values);
    judge_resolve(step);
    if (values && judge_ingress(step, s, values, err) < 0)
        return -1;
    return ask_public(step, err);
}

const struct cm_action cm_action_access_check = {
    .name = "access.check",
    .summary = "Look at how users reach Connect: address, Ingress, certificate",
    .page = "https://docs.posit.co/connect/admin/load-balancing/",
    .kind = CM_CHECK,
    .apply = apply,
    .reads =
        "Server.Address of the server and of the values; the Ingress in the values, its class and the certificate in its Secret "
        "(tls.crt only); the health of the public address.",
    .does = "Nothing.",
    .proves = "That the public address answers now, and that the values lead the same name to the new server.",
    .rights = "get on secrets and ingressclasses where an Ingress is asked for.",
};
