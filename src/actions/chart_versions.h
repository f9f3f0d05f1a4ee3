/* actions/chart_versions.h: which chart deploys which version of Connect (the chart's own index), and what a version can do. */
#ifndef CM_ACTIONS_CHART_VERSIONS_H
#define CM_ACTIONS_CHART_VERSIONS_H

/* The newest chart version whose appVersion is this version of Connect ("2026.08.0" → "0.21.0"); NULL: not in the table. */
const char *cm_chart_for(const char *connect_version);

#endif
