/* values/config.h: the conversion of gcfg to values: each rule once, the base, the account, comments. */
#include <config.h>

#include "config_fixture.h"
#include "values/settings.h"

/* ---- each rule once ---- */

struct rule {
    const char *gcfg, *setting, *fate, *target, *finding;
};

static void decides_each_kind_of_setting(void **state)
{
    static const struct rule rules[] = {
        {"[Server]\nSenderEmail = a@b.c", "Server.SenderEmail", "keep", "config.Server.SenderEmail", NULL},
        {"[Server]\nAddress = https://c.example.com", "Server.Address", "keep", "config.Server.Address", NULL},
        {"[Server]\nAddress = http://localhost:3939", "Server.Address", "ask", "config.Server.Address",
         "config.ask.Server.Address"},
        {"[Server]\nAddress = 0.0.0.0", "Server.Address", "ask", "config.Server.Address", "config.ask.Server.Address"},
        {"[Server]\nDataDir = /data", "Server.DataDir", "drop", "-", NULL},
        {"[Server]\nTempDir = /scratch", "Server.TempDir", "ask", "config.Server.TempDir", "config.ask.Server.TempDir"},
        {"[Server]\nTempDir = /var/lib/rstudio-connect/t", "Server.TempDir", "keep", "config.Server.TempDir", NULL},
        {"[Server]\nDataDir = /data\nTempDir = /data/t", "Server.TempDir", "ask", "config.Server.TempDir",
         "config.ask.Server.TempDir"},
        {"[Server]\nPublicWarning = \"Down for maintenance; back at 8\"", "Server.PublicWarning", "drop", "-", NULL},
        {"[Server]\nPublicWarning = Internal use only", "Server.PublicWarning", "keep", "config.Server.PublicWarning", NULL},
        {"[Server]\nEmailProvider = sendmail", "Server.EmailProvider", "ask", "config.Server.EmailProvider",
         "config.ask.Server.EmailProvider"},
        {"[SMTP]\nHost = localhost", "SMTP.Host", "ask", "config.SMTP.Host", "config.ask.SMTP.Host"},
        {"[SMTP]\nPassword = x", "SMTP.Password", "secret", "pod.env CONNECT_SMTP_PASSWORD", "config.secret.SMTP.Password"},
        {"[HTTP]\nListen = :80", "HTTP.Listen", "drop", "-", NULL},
        {"[HTTPS]\nCertificate = /etc/ssl/x.pem", "HTTPS.Certificate", "drop", "-", NULL},
        {"[HTTPS]\nSomethingNew = 1", "HTTPS.SomethingNew", "drop", "-", NULL},
        {"[Database]\nProvider = Postgres", "Database.Provider", "keep", "config.Database.Provider", NULL},
        {"[Database]\nProvider = sqlite", "Database.Provider", "block", "-", "config.database"},
        {"[Database]\nDir = /var/lib/rstudio-connect/db", "Database.Dir", "drop", "-", NULL},
        {"[Database]\nDir = /elsewhere", "Database.Dir", "ask", "-", "config.secret-key"},
        {"[SQLite]\nDir = /x", "SQLite.Dir", "drop", "-", NULL},
        {"[Postgres]\nURL = postgres://u@db/c", "Postgres.URL", "keep", "config.Postgres.URL", NULL},
        {"[Postgres]\nURL = postgres://u@localhost/c", "Postgres.URL", "block", "config.Postgres.URL",
         "config.database-host.Postgres.URL"},
        {"[Postgres]\nURL = \"postgres://u@/c?host=/var/run/postgresql\"", "Postgres.URL", "block", "config.Postgres.URL",
         "config.database-host.Postgres.URL"},
        {"[Postgres]\nURL = postgres://u:p@db/c", "Postgres.URL", "secret", "config.Postgres.URL", "config.secret.Postgres.URL"},
        {"[Postgres]\nURL = \"postgres://u@db/c?sslrootcert=/etc/ca.pem\"", "Postgres.URL", "ask", "config.Postgres.URL",
         "config.ask.Postgres.URL"},
        {"[Python]\nExecutable = /opt/python/bin/python", "Python.Executable", "drop", "-", NULL},
        {"[Python]\nEnabled = true", "Python.Enabled", "keep", "config.Python.Enabled", NULL},
        {"[RPackageRepository \"CRAN\"]\nURL = https://p.example.com/cran/latest", "RPackageRepository \"CRAN\".URL", "keep",
         "config.RPackageRepository \"CRAN\".URL", NULL},
        {"[RPackageRepository \"CRAN\"]\nURL = https://u:p@p.example.com/", "RPackageRepository \"CRAN\".URL", "ask", "-",
         "config.secret-in-subsection.RPackageRepository.CRAN.URL"},
        {"[RPackageRepository \"CRAN\"]\nURL = https://p/cran/__linux__/jammy/latest", "RPackageRepository \"CRAN\".URL", "keep",
         "config.RPackageRepository \"CRAN\".URL", "config.binary-packages.RPackageRepository.CRAN.URL"},
        {"[RPackageRepository \"CRAN\"]\nURL = file:///srv/cran", "RPackageRepository \"CRAN\".URL", "ask",
         "config.RPackageRepository \"CRAN\".URL", "config.ask.RPackageRepository.CRAN.URL"},
        {"[Applications]\nRunAs = rstudio-connect", "Applications.RunAs", "keep", "config.Applications.RunAs", NULL},
        {"[Applications]\nRunAs = shiny", "Applications.RunAs", "ask", "config.Applications.RunAs",
         "config.ask.Applications.RunAs"},
        {"[Applications]\nRunAsCurrentUser = false", "Applications.RunAsCurrentUser", "keep",
         "config.Applications.RunAsCurrentUser", NULL},
        {"[Applications]\nRunAsCurrentUser", "Applications.RunAsCurrentUser", "ask", "config.Applications.RunAsCurrentUser",
         "config.ask.Applications.RunAsCurrentUser"},
        {"[Scheduler]\nInitTimeout = 60s", "Scheduler.InitTimeout", "change", "-", NULL},
        {"[Scheduler]\nInitTimeout = 60000000000", "Scheduler.InitTimeout", "change", "-", NULL}, /* nanoseconds */
        {"[Scheduler]\nInitTimeout = 10m", "Scheduler.InitTimeout", "keep", "config.Scheduler.InitTimeout", NULL},
        {"[Authentication]\nProvider = pam", "Authentication.Provider", "ask", "config.Authentication.Provider",
         "config.ask.Authentication.Provider"},
        {"[LDAP]\nBindPassword = x", "LDAP.BindPassword", "secret", "pod.env CONNECT_LDAP_BINDPASSWORD",
         "config.secret.LDAP.BindPassword"},
        {"[LDAP \"a b\"]\nBindPassword = x", "LDAP \"a b\".BindPassword", "ask", "-",
         "config.secret-in-subsection.LDAP.a-b.BindPassword"},
        {"[Launcher]\nEnabled = true", "Launcher.Enabled", "drop", "-", NULL},
        {"[Kubernetes]\nNamespace = x", "Kubernetes.Namespace", "drop", "-", NULL},
        {"[Licensing]\nLicenseType = remote", "Licensing.LicenseType", "drop", "-", NULL},
        {"[Logging]\nServiceLog = /var/log/x.log", "Logging.ServiceLog", "drop", "-", NULL},
        {"[Logging]\nAuditLog = /var/log/x.log", "Logging.AuditLog", "change", "config.Logging.AuditLog", NULL},
        {"[Metrics]\nEnabled = true", "Metrics.Enabled", "drop", "-", NULL},
        {"[Bootstrap]\nSecretKeyFile = /x", "Bootstrap.SecretKeyFile", "drop", "-", NULL},
        {"[PAM]\nService = x", "PAM.Service", "ask", "config.PAM.Service", "config.ask.PAM.Service"},
        {"[Unheard]\nOf = x", "Unheard.Of", "keep", "config.Unheard.Of", NULL},
        {"[Unheard]\nFile = /x/y", "Unheard.File", "ask", "config.Unheard.File", "config.ask.Unheard.File"},
        {"[Unheard]\nApiToken = x", "Unheard.ApiToken", "secret", "pod.env CONNECT_UNHEARD_APITOKEN",
         "config.secret.Unheard.ApiToken"},
        {"[Unheard]\nURL = https://u:p@h/", "Unheard.URL", "secret", "pod.env CONNECT_UNHEARD_URL", "config.secret.Unheard.URL"},
        {"[Unheard]\nOdd = \"a\x7f\"", "Unheard.Odd", "block", "-", "config.character.Unheard.Odd"},
        {"[Unheard]\nOdd = \"a\x01\"", "Unheard.Odd", "change", "pod.env CONNECT_UNHEARD_ODD", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct conversion c;
        convert(&c, rules[i].gcfg);
        assert_fate(&c, rules[i].setting, rules[i].fate, rules[i].target);
        if (rules[i].finding)
            assert_non_null(helper_finding(c.r.findings, rules[i].finding));
        finish(&c);
    }
}

static void spells_names_as_the_documents_do(void **state)
{
    struct conversion c;
    (void)state;
    convert(&c, "[scheduler]\nminprocesseslimit = 5\n[SERVER]\nHIDEVERSION = yes\n[unknown]\nkeyName = 1\n");
    assert_string_equal(value(&c, "Scheduler", "MinProcessesLimit"), "5");
    assert_string_equal(value(&c, "Server", "HideVersion"), "yes");
    assert_string_equal(value(&c, "unknown", "keyName"), "1");
    finish(&c);
}

static void puts_repeated_sections_together(void **state)
{
    struct conversion c;
    (void)state;
    convert(&c, "[Foo]\nA = 1\n[Bar]\nB = 1\n[foo]\nC = 2\n");
    assert_string_equal(value(&c, "Foo", "A"), "1");
    assert_string_equal(value(&c, "Foo", "C"), "2");
    finish(&c);
}

static void keeps_lists_in_their_order(void **state)
{
    struct conversion c;
    (void)state;
    convert(&c, "[Authorization]\nViewerRoleMapping = b\nViewerRoleMapping = \"a;\"\n[Foo]\nX = 1\nX\nX = 2\nX = 3\n");
    const json_t *list = cm_json_at(c.data, "config.Authorization.ViewerRoleMapping"), *reset = cm_json_at(c.data, "config.Foo.X");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_array_get(list, 1)), "\"a;\"");
    assert_int_equal(json_array_size(reset), 2); /* what stood before the bare key is gone */
    assert_int_equal(c.r.dropped, 2);
    finish(&c);
}

static void the_last_of_a_repeated_scalar_counts(void **state)
{
    struct conversion c;
    (void)state;
    convert(&c, "[Server]\nAddress = https://a\nAddress = https://b\n");
    assert_string_equal(value(&c, "Server", "Address"), "https://b");
    assert_int_equal(c.r.kept, 1);
    assert_int_equal(c.r.dropped, 1);
    assert_string_equal(cm_json_text(json_array_get(c.r.account, 0), "reason", ""), "replaced by a.gcfg:3");
    finish(&c);
}

static void a_bare_key_alone_is_true_and_a_known_list_is_emptied(void **state)
{
    struct conversion c;
    (void)state;
    convert(&c, "[Foo]\nFlag\n[Authorization]\nViewerRoleMapping = a\nViewerRoleMapping\n");
    assert_string_equal(value(&c, "Foo", "Flag"), "true");
    assert_int_equal(json_array_size(cm_json_at(c.data, "config.Authorization.ViewerRoleMapping")), 0);
    assert_true(json_is_array(cm_json_at(c.data, "config.Authorization.ViewerRoleMapping")));
    finish(&c);
}

static void writes_no_number_boolean_or_null_but_one(void **state)
{
    struct conversion c;
    (void)state;
    convert(&c, "[Foo]\nA = 1000000\nB = true\nC = null\nD = 1e6\nE =\n[OpenTelemetry]\nEnabled = no\n");
    assert_string_equal(value(&c, "Foo", "A"), "1000000");
    assert_string_equal(value(&c, "Foo", "B"), "true");
    assert_string_equal(value(&c, "Foo", "C"), "null");
    assert_string_equal(value(&c, "Foo", "D"), "1e6");
    assert_string_equal(value(&c, "Foo", "E"), "\"\"");
    assert_true(json_is_false(cm_json_at(c.data, "config.OpenTelemetry.Enabled"))); /* the chart asks for its truth */
    finish(&c);
}

static void the_table_is_in_order_and_names_its_sources(void **state)
{
    (void)state;
    for (size_t i = 0; i < cm_settings_count; i++) {
        const struct cm_setting *s = &cm_settings[i];
        bool exact;
        assert_ptr_equal(cm_setting_find(s->section, s->key, &exact), s);
        assert_true(exact);
        assert_non_null(s->source);
        assert_true(s->reason || s->fate == CM_KEEP); /* what is not kept has a reason */
        assert_true(s->type != CM_V_SECRET || s->fate != CM_KEEP);
    }
}

static void what_looks_like_a_placeholder_is_told(void **state)
{
    struct conversion c;
    (void)state;
    convert_full(&c,
                 "[Server]\nAddress = https://{{ host }}\nServerName = <%= @name %>\nSenderEmail = \"{% a %}\"\n"
                 "RootRedirect = /{{x\n[HTTP]\nListen = {{ port }}\n[Foo]\nBar = a\nBar = {{ b }}\n",
                 NULL, NULL);
    helper_assert_finding(c.r.findings, "config.placeholder.Server.Address", "warning", "(a.gcfg:2)");
    helper_assert_finding(c.r.findings, "config.placeholder.Server.ServerName", "warning", "(a.gcfg:3)");
    helper_assert_finding(c.r.findings, "config.placeholder.Server.SenderEmail", "warning", "(a.gcfg:4)");
    helper_assert_finding(c.r.findings, "config.placeholder.Foo.Bar", "warning", "(a.gcfg:10)");
    assert_null(helper_finding(c.r.findings, "config.placeholder.Server.RootRedirect"));
    assert_null(helper_finding(c.r.findings, "config.placeholder.HTTP.Listen")); /* it is dropped anyway */
    finish(&c);
}

static void what_a_comment_sign_cuts_off_is_told(void **state)
{
    struct conversion c;
    (void)state;
    convert_full(&c,
                 "[Server]\nSenderEmail = a;b@c ; why\nRootRedirect = /x ; why\nServerName = \"n\";why\n[HTTP]\nListen = :80;x\n"
                 "[SMTP]\nPassword = hun;ter22\n",
                 NULL, NULL);
    helper_assert_finding(c.r.findings, "config.cut-off.Server.SenderEmail", "warning", "(a.gcfg:2): a comment begins at the ';'");
    helper_assert_finding(c.r.findings, "config.cut-off.SMTP.Password", "warning", "(a.gcfg:8)");
    assert_null(helper_finding(c.r.findings, "config.cut-off.Server.RootRedirect"));
    assert_null(helper_finding(c.r.findings, "config.cut-off.Server.ServerName"));
    assert_null(helper_finding(c.r.findings, "config.cut-off.HTTP.Listen")); /* it is dropped anyway */
    cm_autofree char *all = json_dumps(c.r.findings, 0);
    assert_null(strstr(all, "ter22"));
    assert_null(strstr(c.r.values, "ter22"));
    finish(&c);
}

/* ---- the base ---- */

static void the_base_wins_and_a_difference_is_told(void **state)
{
    struct conversion c;
    (void)state;
    convert_full(&c, "[Server]\nAddress = https://old\nSenderEmail = same@x\n[Scheduler]\nMaxProcesses = 20\n",
                 "config:\n  Server:\n    address: https://new\n    SenderEmail: same@x\n", NULL);
    assert_null(cm_json_at(c.data, "config.Server"));
    assert_string_equal(value(&c, "Scheduler", "MaxProcesses"), "20");
    assert_fate(&c, "Server.Address", "change", "config.Server.Address (values.yaml:3:14)");
    assert_fate(&c, "Server.SenderEmail", "keep", "config.Server.SenderEmail (values.yaml:4:18)");
    helper_assert_finding(c.r.findings, "config.differs.Server.Address", "warning", "https://old");
    helper_assert_finding(c.r.findings, "config.differs.Server.Address", "warning", "https://new");
    finish(&c);
}

/* What counts is what Connect would read: helm's number and gcfg's quotes are looked through. */
static void what_the_base_takes_from_elsewhere_in_its_file_counts(void **state)
{
    static const char base[] = "x-a: &a\n  Address: https://c\n  ServerName: old\nx-b: &b {RootRedirect: /r}\nx-p: &p\n  - {name: CONNECT_SMTP_PASSWORD}\n"
                               "x-s: &s {MaxProcesses: 3}\nconfig:\n  Server:\n    <<: [*a, *b]\n    ServerName: me\n  Scheduler: *s\npod:\n  env: *p\n";
    struct conversion c;
    (void)state;
    convert_full(&c,
                 "[Server]\nAddress = https://d\nServerName = me\nRootRedirect = /r\n[Scheduler]\nMaxProcesses = 4\n"
                 "[SMTP]\nPassword = hunter22\n",
                 base, NULL);
    helper_assert_finding(c.r.findings, "config.differs.Server.Address", "warning", "values.yaml:2:12");
    helper_assert_finding(c.r.findings, "config.differs.Scheduler.MaxProcesses", "warning", "3 in your values");
    assert_null(helper_finding(c.r.findings, "config.differs.Server.ServerName"));
    assert_null(helper_finding(c.r.findings, "config.differs.Server.RootRedirect"));
    assert_int_equal(json_array_size(cm_config_secrets(&c.r)), 0);
    assert_null(value(&c, "Server", "Address"));
    finish(&c);
}

static void values_are_compared_as_connect_reads_them(void **state)
{
    struct conversion c;
    (void)state;
    convert_full(&c, "[Foo]\nA = \"x; y\"\nB = 5\nC = 1000000\nD = a\nD = b\n[Python]\nEnabled = yes\n",
                 "config:\n  foo: {a: '\"x; y\"', B: 5.0, C: 1000000, D: [a, b]}\n  Python: {Enabled: true}\n", NULL);
    assert_fate(&c, "Foo.A", "keep", "config.Foo.A (values.yaml:2:12)");
    assert_string_equal(cm_json_text(row(&c, "Foo.B"), "disposition", ""), "keep");
    assert_string_equal(cm_json_text(row(&c, "Foo.C"), "disposition", ""), "change"); /* 1e+06 */
    assert_string_equal(cm_json_text(row(&c, "Python.Enabled"), "disposition", ""), "keep");
    finish(&c);
}

static void adds_below_the_bases_spelling_of_a_section(void **state)
{
    struct conversion c;
    (void)state;
    convert_full(&c, "[Scheduler]\nMaxProcesses = 2\n", "config: {scheduler: {MinProcesses: 1}}\n", NULL);
    assert_string_equal(value(&c, "scheduler", "MaxProcesses"), "2");
    finish(&c);
}

static void a_mounted_path_asks_nobody(void **state)
{
    struct conversion c;
    (void)state;
    convert_full(&c, "[LDAP]\nTLSCACertificate = /etc/certs/ca.pem\n",
                 "pod:\n  volumeMounts:\n    - {name: c, mountPath: /etc/certs/}\n", NULL);
    assert_fate(&c, "LDAP.TLSCACertificate", "keep", "config.LDAP.TLSCACertificate");
    finish(&c);
}

static void a_secret_in_the_bases_config_is_told(void **state)
{
    struct conversion c;
    (void)state;
    convert_full(&c, "[Postgres]\nPassword = x\n", "config: {Postgres: {Password: hunter2}}\n", NULL);
    helper_assert_finding(c.r.findings, "config.secret-in-values.Postgres.Password", "warning", "in clear");
    cm_autofree char *findings = json_dumps(c.r.findings, 0);
    assert_null(strstr(findings, "hunter2"));
    finish(&c);
}

/* ---- the account ---- */

static void every_setting_has_exactly_one_row(void **state)
{
    struct conversion c;
    (void)state;
    convert(&c,
            "[Server]\nAddress = https://a\nAddress = https://b\nDataDir = /x\n[Foo]\nA = 1\nA\nA = 2\nB\n[SMTP]\nPassword = p\n"
            "[Database]\nProvider = sqlite\n");
    const struct cm_config_result *r = &c.r;
    assert_int_equal(r->kept + r->dropped + r->changed + r->secret + r->asked + r->blocked, c.gcfg->count);
    for (size_t i = 0; i < c.gcfg->count; i++) {
        struct cm_config_row one;
        assert_true(cm_config_row(r, i, &one));
        assert_int_equal(one.line, c.gcfg->list[i].line);
        assert_string_equal(one.file, "a.gcfg");
    }
    finish(&c);
}

static void the_charts_own_values_are_said(void **state)
{
    struct conversion c;
    size_t chart = 0;
    (void)state;
    convert(&c, "[Database]\nProvider = postgres\n");
    for (size_t i = 0; i < json_array_size(c.r.account); i++)
        chart += strcmp(cm_json_text(json_array_get(c.r.account, i), "disposition", ""), "chart") == 0;
    assert_int_equal(chart, 18);
    assert_non_null(helper_finding(c.r.findings, "config.address"));
    assert_non_null(helper_finding(c.r.findings, "config.chart-repository.CRAN"));
    finish(&c);
}

static void without_a_database_provider_there_is_a_blocker(void **state)
{
    struct conversion c;
    (void)state;
    convert(&c, "[Server]\nHideVersion = true\n");
    helper_assert_finding(c.r.findings, "config.database", "blocker", "SQLite");
    finish(&c);
}

static void comments_come_along_above_their_settings(void **state)
{
    struct conversion c;
    (void)state;
    convert(
        &c,
        "; head\n\n[Server]\n;; the sender\nSenderEmail = a@b ; behind\n; of what goes\nDataDir = /x\n[HTTP]\n; gone with it\nListen = :80\n; end\n");
    assert_non_null(strstr(c.r.values,
                           "  # head\n  Server:\n    # the sender\n    # behind\n    SenderEmail: 'a@b'\n"
                           "  # Server.DataDir (not in config): of what goes\n  # HTTP.Listen (not in config): gone with it\n  # end\n"));
    finish(&c);
}

static void comments_of_what_is_not_written_stand_above_what_is_written_next(void **state)
{
    struct conversion c;
    (void)state;
    convert(&c,
            "; whose server it is\n\n; behind a proxy\n[HTTP]\n; see ticket 5\nListen = :80\n[Server]\n; the disks\nDataDir = /data\n"
            "; where it is\nAddress = https://x\n; mail\n[SMTP]\n; turned yearly\nPassword = hunter22\n[Metrics]\n; graphs\n; of Bob\n"
            "Enabled = true\n; the end\n");
    assert_non_null(strstr(c.r.values,
                           "config:\n  # whose server it is\n  # behind a proxy\n  # HTTP.Listen (not in config): see ticket 5\n"
                           "  Server:\n    # Server.DataDir (not in config): the disks\n    # where it is\n    Address: 'https://x'\n"
                           "  # mail\n  # Metrics.Enabled (not in config): graphs\n  # of Bob\n  # the end\n"));
    finish(&c);
    convert(&c, "[Postgres]\nURL = postgres://u@h/d?password=pa;ss77\n");
    assert_null(strstr(c.r.values, "ss77")); /* Connect's comment, but the password's end */
    finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_each_kind_of_setting),
        cmocka_unit_test(spells_names_as_the_documents_do),
        cmocka_unit_test(puts_repeated_sections_together),
        cmocka_unit_test(keeps_lists_in_their_order),
        cmocka_unit_test(the_last_of_a_repeated_scalar_counts),
        cmocka_unit_test(a_bare_key_alone_is_true_and_a_known_list_is_emptied),
        cmocka_unit_test(writes_no_number_boolean_or_null_but_one),
        cmocka_unit_test(the_table_is_in_order_and_names_its_sources),
        cmocka_unit_test(what_looks_like_a_placeholder_is_told),
        cmocka_unit_test(what_a_comment_sign_cuts_off_is_told),
        cmocka_unit_test(the_base_wins_and_a_difference_is_told),
        cmocka_unit_test(what_the_base_takes_from_elsewhere_in_its_file_counts),
        cmocka_unit_test(values_are_compared_as_connect_reads_them),
        cmocka_unit_test(adds_below_the_bases_spelling_of_a_section),
        cmocka_unit_test(a_mounted_path_asks_nobody),
        cmocka_unit_test(a_secret_in_the_bases_config_is_told),
        cmocka_unit_test(every_setting_has_exactly_one_row),
        cmocka_unit_test(the_charts_own_values_are_said),
        cmocka_unit_test(without_a_database_provider_there_is_a_blocker),
        cmocka_unit_test(comments_come_along_above_their_settings),
        cmocka_unit_test(comments_of_what_is_not_written_stand_above_what_is_written_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
