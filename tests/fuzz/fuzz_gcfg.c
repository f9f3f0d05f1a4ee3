/* Any bytes as a gcfg file: read or refused, never more; what is read converts, every setting has its row, and the result is YAML whose
 * settings, read again as a base, are all there. */
#include <config.h>

#include "base/yaml.h"
#include "refusal.h"
#include "replay.h"
#include "values/config.h"

static const char *const lines[] = { "[Server]", "[server]", "Address = http://c.example.com", "DataDir = /data", "[RPackageRepository \"CRAN\"]", "URL = u",
    "[SMTP]", "Host = h", "Port = 25", "Password = \"p;w\"", "User = u", "[Database]", "Provider = Postgres", "[Postgres]", "URL = postgres://u:p@h/d?x=y",
    "Password", "[LDAP \"a b\"]", "BindPassword = p", "ServerAddress = l:389", "[Authorization]", "UserRoleGroupMapping = true", "ViewerRoleMapping = a",
    "[Applications]", "RunAs = u", "[Launcher]", "Enabled = true", "[Python]", "Enabled = on", "Executable = /opt/p", "[OAuth2]", "ClientSecretFile = /s",
    "[HTTPS]", "Listen = :443", "Key = \"a\\\\b\" \\", "; c", "# c", "", "A = \"x\ty\" z ; c", "A = \\\"", "A = <no value>", "A=", "B = 1e6", "[Scheduler]",
    "InitTimeout = 1d", "[Mount \"m\"]", "[Metrics]", "DataPath = /m", "[Logging]", "ServiceLog = STDOUT", "C = \xc3\xa9", NULL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cm_gcfg *g = cm_gcfg_new();
    cm_autoerr err = NULL;
    struct cm_config_result first, again;
    if (cm_gcfg_add(g, (const char *)data, size, "f", &err) < 0) {
        must_be_a_refusal(err);
        cm_gcfg_free(g);
        return 0;
    }
    struct cm_config_wish w = {.gcfg = g, .release = "r"};
    must(cm_config_convert(&w, &first, NULL) == 0);
    must(first.kept + first.dropped + first.changed + first.secret + first.asked + first.blocked == g->count);
    struct cm_yaml_doc *base = cm_yaml_parse(first.values, strlen(first.values), "values", NULL);
    must(base != NULL);
    const struct cm_yaml_doc *const bases[] = {base, NULL};
    w.base = bases;
    w.rows_only = true;
    must(cm_config_convert(&w, &again, NULL) == 0);
    must(again.asked <= first.asked && again.kept >= first.kept);
    char *merged = NULL;
    size_t bytes = 0;
    if (cm_config_merge(&first, "replicas: 1\n", 12, "v", NULL, &merged, &bytes, NULL) == 0)
        must(strncmp(merged, "replicas: 1\n", 12) == 0);
    else
        abort();
    free(merged);
    cm_config_result_fini(&first);
    cm_config_result_fini(&again);
    cm_yaml_free(base);
    cm_gcfg_free(g);
    return 0;
}

CM_FUZZ_MAIN("gcfg", lines)
