/* adapters/helm_internal.h: what the files of the helm family share. Nobody else includes it. */
#ifndef CM_ADAPTERS_HELM_INTERNAL_H
#define CM_ADAPTERS_HELM_INTERNAL_H

#include <cm/action.h>
#include <cm/runner.h>

#include "adapters/argv.h"

/* A reading call; any status is 0. */
int cm_helm_read(struct cm_step *step, const struct cm_argv *a, struct cm_out *out, const char *what, struct cm_err **err);
/* The chart that the plan names, or the archive of it that was kept at the gate (actions/chart_keep.h). */
void cm_helm_add_chart(struct cm_step *step, struct cm_argv *a);
/* --version, by the plan or by what was shown at the gate (CM_FACT_CHART). */
void cm_helm_add_version(struct cm_step *step, struct cm_argv *a);
/* What helm was asked for, behind its lines on what it pulled from a registry (helm 4 prints them on stdout). */
const char *cm_helm_answer(const char *out);

/* What helm's words say of the chart: nothing; it is not there; the way to it (may pass); a login or a way that has to be mended. */
enum cm_helm_trouble { CM_HT_NONE, CM_HT_ABSENT, CM_HT_PASSING, CM_HT_OTHER };
enum cm_helm_trouble cm_helm_chart_trouble(const char *words, const char **hint);

#endif
