/* actions/chart_versions.c: appVersion by chart version, from the published index of https://helm.rstudio.com (August 2026). */
#include <config.h>

#include "actions/chart_versions.h"

#include <stddef.h>

#include "base/text.h"

static const struct {
    const char *app, *chart;
} table[] = {
    {"2026.08.0", "0.21.0"}, {"2026.07.0", "0.20.12"}, {"2026.06.1", "0.20.10"}, {"2026.06.0", "0.20.8"}, {"2026.05.1", "0.20.7"},
    {"2026.05.0", "0.20.3"}, {"2026.04.1", "0.20.1"},  {"2026.04.0", "0.9.4"},   {"2026.03.1", "0.9.2"},  {"2026.03.0", "0.8.37"},
    {"2026.02.0", "0.8.33"}, {"2026.01.1", "0.8.26"},  {"2026.01.0", "0.8.22"},  {"2025.12.1", "0.8.20"}, {"2025.12.0", "0.8.16"},
    {"2025.11.0", "0.8.15"}, {"2025.10.0", "0.8.14"},  {"2025.09.1", "0.8.12"},  {"2025.09.0", "0.8.10"}, {"2025.07.0", "0.8.8"},
    {"2025.06.0", "0.8.4"},  {"2025.05.0", "0.8.2"},
};

const char *cm_chart_for(const char *connect_version)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cm_version_compare(table[i].app, connect_version) == 0)
            return table[i].chart;
    return NULL;
}
