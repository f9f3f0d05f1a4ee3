/* actions/chart_keep.h: the chart as it is when the downtime is agreed to, kept as an archive in the run directory: helm is given that one until
 * the end, on the way back too. So nothing behind the gate rests on where it came from: not on a network, nor on an index that loses or
 * gains a version. Of a chart that is a folder or an archive already nothing is kept. */
#ifndef CM_ACTIONS_CHART_KEEP_H
#define CM_ACTIONS_CHART_KEEP_H

#include <jansson.h>

#include <cm/action.h>

/* What is deployed: {"chart", "version", "file"}, also in the fact CM_FACT_CHART; *kept NULL: the plan's own folder or archive, or somebody else
 * deploys. Without "file" it could not be kept (said). Borrowed. In a look nothing is kept. */
int cm_chart_keep(struct cm_step *step, const json_t **kept, struct cm_err **err);

#endif
