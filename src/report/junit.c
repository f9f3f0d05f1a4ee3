/* report/junit.c: the report as JUnit XML, for pipelines: a suite per stage with its steps, one of the findings, one of the content.
 * A blocker or an unknown that nobody answered is a failure; a warning is output. Source of the form: the XSD that Jenkins reads. */
#include <config.h>

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/parts.h"
#include "report/report.h"

/* XML 1.0 allows no control characters but tab, newline and carriage return. */
static void text(FILE *out, const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '<')
            fputs("&lt;", out);
        else if (c == '>')
            fputs("&gt;", out);
        else if (c == '&')
            fputs("&amp;", out);
        else if (c == '"')
            fputs("&quot;", out);
        else if (c == '\n')
            fputs("&#10;", out);
        else
            fputc(c < 32 && c != '\t' ? ' ' : c, out);
    }
}

static void attribute(FILE *out, const char *name, const char *value)
{
    fprintf(out, " %s=\"", name);
    text(out, value);
    fputc('"', out);
}

struct tally {
    size_t tests, failures, skipped;
    double seconds;
};

static void count(struct tally *t, bool failed, bool skipped, double seconds)
{
    t->tests++;
    t->failures += failed;
    t->skipped += skipped;
    t->seconds += seconds;
}

static void open_suite(FILE *out, const char *name, const struct tally *t)
{
    fputs("  <testsuite", out);
    attribute(out, "name", name);
    fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" time=\"%.3f\">\n", t->tests, t->failures, t->skipped,
            t->seconds);
}

static void test(FILE *out, const char *suite, const char *name, double seconds, const char *failure, const char *skip)
{
    fputs("    <testcase", out);
    attribute(out, "classname", suite);
    attribute(out, "name", name);
    fprintf(out, " time=\"%.3f\"", seconds);
    if (failure == NULL && skip == NULL) {
        fputs("/>\n", out);
        return;
    }
    fputs(failure != NULL ? "><failure" : "><skipped", out);
    attribute(out, "message", failure != NULL ? failure : skip);
    fputs("/></testcase>\n", out);
}

/* ---- steps ---- */

static bool failed(const json_t *step) { return strcmp(cm_json_text(step, "state", ""), "failed") == 0; }

static const char *skipped(const json_t *step)
{
    const char *state = cm_json_text(step, "state", "");
    if (strcmp(state, "done") == 0 || strcmp(state, "failed") == 0)
        return NULL;
    return cm_json_text(step, "message", strcmp(state, "skipped") == 0 ? "skipped" : "not done yet");
}

static void stage_suite(FILE *out, const json_t *stage)
{
    const json_t *steps = json_object_get(stage, "steps");
    const char *suite = cm_json_text(stage, "id", "");
    struct tally t = {0};
    json_t *step;
    size_t i;
    json_array_foreach(steps, i, step)
        count(&t, failed(step), skipped(step) != NULL, json_number_value(json_object_get(step, "seconds")));
    open_suite(out, suite, &t);
    json_array_foreach(steps, i, step)
        test(out, suite, cm_json_text(step, "id", ""), json_number_value(json_object_get(step, "seconds")),
             failed(step) ? cm_json_text(step, "message", "failed") : NULL, skipped(step));
    fputs("  </testsuite>\n", out);
}

/* ---- findings ---- */

static bool said(const json_t *report, const char *id)
{
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(report, "said"), i, s) if (strcmp(cm_json_text(s, "id", ""), id) == 0) return true;
    return false;
}

static bool finding_fails(const json_t *report, const json_t *f)
{
    const char *verdict = cm_json_text(f, "verdict", "");
    return strcmp(verdict, "blocker") == 0 || (strcmp(verdict, "unknown") == 0 && !said(report, cm_json_text(f, "id", "")));
}

static void findings_suite(FILE *out, const json_t *report)
{
    const json_t *all = json_object_get(report, "findings");
    struct tally t = {0};
    json_t *f;
    size_t i;
    json_array_foreach(all, i, f) count(&t, finding_fails(report, f), false, 0);
    open_suite(out, "findings", &t);
    json_array_foreach(all, i, f)
        test(out, "findings", cm_json_text(f, "id", ""), 0, finding_fails(report, f) ? cm_json_text(f, "seen", "") : NULL, NULL);
    fputs("  </testsuite>\n", out);
}

/* ---- content ---- */

static const char *content_failure(const json_t *item)
{
    const char *result = cm_json_text(item, "result", "");
    if (strcmp(cm_json_text(item, "build", ""), "failed") == 0)
        return cm_json_text(item, "build_error", "the build failed");
    if (strcmp(result, "differs") == 0)
        return cm_json_text(item, "how", "differs from before");
    return strcmp(result, "gone") == 0 ? "gone" : NULL;
}

static const char *content_skip(const json_t *item)
{
    const char *result = cm_json_text(item, "result", ""), *build = cm_json_text(item, "build", "");
    if (content_failure(item) != NULL || strcmp(result, "same") == 0 || (*result == '\0' && strcmp(build, "built") == 0))
        return NULL;
    return *result != '\0' ? result : *build != '\0' ? build : "not looked at yet";
}

static void content_suite(FILE *out, const json_t *report)
{
    const json_t *all = json_object_get(report, "items");
    struct tally t = {0};
    json_t *item;
    size_t i;
    json_array_foreach(all, i, item) if (cm_json_bool(item, "selected", false)) count(
        &t, content_failure(item) != NULL, content_skip(item) != NULL, json_number_value(json_object_get(item, "build_seconds")));
    open_suite(out, "content", &t);
    json_array_foreach(all, i, item) if (cm_json_bool(item, "selected", false))
        test(out, "content", cm_json_text(item, "guid", ""), json_number_value(json_object_get(item, "build_seconds")),
             content_failure(item), content_skip(item));
    fputs("  </testsuite>\n", out);
}

void cm_report_junit(const json_t *report, FILE *out)
{
    size_t i;
    json_t *stage;
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", out);
    attribute(out, "name", cm_json_text(report, "plan", ""));
    fputs(">\n", out);
    json_array_foreach(json_object_get(report, "stages"), i, stage) stage_suite(out, stage);
    findings_suite(out, report);
    if (json_object_get(report, "items"))
        content_suite(out, report);
    fputs("</testsuites>\n", out);
}

void cm_report_junit_check(const json_t *check, FILE *out)
{
    json_t *answered = json_array(), *f;
    size_t i;
    json_array_foreach(json_object_get(check, "findings"), i, f) if (json_object_get(f, "answer"))
        json_array_append_new(answered, json_pack("{s:s}", "id", cm_json_text(f, "id", "")));
    cm_autojson report = json_pack("{s:s, s:o, s:O}", "plan", cm_json_text(check, "plan", ""), "said", answered, "findings",
                                   json_object_get(check, "findings"));
    cm_report_junit(report, out);
}
