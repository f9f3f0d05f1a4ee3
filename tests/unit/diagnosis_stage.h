/* For tests of the diagnosis: a kubectl that shows what a test has put down, and how many causes an answer names. */
#ifndef TESTS_UNIT_DIAGNOSIS_STAGE_H
#define TESTS_UNIT_DIAGNOSIS_STAGE_H

#include "fake_step.h"

/* Each kind of object from a file of its own; logs by pod, and of the instance before. */
static const char kubectl[] =
    "empty='{\"items\":[]}'\n"
    "show() { if [ -f $DIR/$1 ]; then cat $DIR/$1; else echo \"$empty\"; fi; }\n"
    "case \"$*\" in\n"
    "*' logs '*--previous*) cat $DIR/log.before 2>/dev/null; exit 0;;\n"
    "*' logs '*) cat $DIR/log 2>/dev/null; exit 0;;\n"
    "*'get pods -l'*) show pods;; *'get pods'*) show content;; *'get events'*) [ -f $DIR/forbidden ] && { echo 'Error from server "
    "(Forbidden): events is forbidden: User \"ann\" cannot list resource \"events\"' >&2; exit 1; }; show events;;\n"
    "*'get deployments'*) show deployment;; *'get pvc'*) show pvc;; *) echo \"$empty\";; esac\n";

static int begin(void **state)
{
    struct cm_step *st = scene_new();
    scene_put(st, "values.yaml", "sharedStorage: {name: data-claim, mount: true}\n", 0600);
    scene_tool(st, "kubectl", kubectl);
    scene_plan(st, "{hosts: [a]}", "");
    *state = st;
    return 0;
}

static int end(void **state)
{
    scene_free(*state);
    return 0;
}

#define POD "connect-rstudio-connect-abc-1"

static size_t causes_in(const char *text)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, "likely cause: ")) != NULL; at++)
        n++;
    return n;
}

#endif
