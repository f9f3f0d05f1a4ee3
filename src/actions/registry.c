/* All actions, in the order of the runbooks. A new action is one file that exports one table entry, and one line here. */
#include <config.h>

#include <stddef.h>

#include "actions/registry.h"

#define CM_ACTIONS(X)                                                                                                              \
    X(database_check)                                                                                                              \
    X(storage_check)                                                                                                               \
    X(version_check)                                                                                                               \
    X(cluster_check)                                                                                                               \
    X(values_check)                                                                                                                \
    X(apikey_check)                                                                                                                \
    X(source_inventory) X(access_check) X(pods_check) X(content_inventory) X(runtimes_compare) X(environments_compare)             \
        X(content_prioritize) X(license_check) X(config_convert) X(temporary_prepare) X(content_baseline) X(downtime_estimate)     \
            X(images_pull) X(downtime_announce) X(gate_confirm) X(access_close) X(storage_mark) X(service_stop)                    \
                X(database_quiesce) X(backup_take) X(serviceaccounts_label) X(helm_deploy) X(pods_wait) X(storage_prove)           \
                    X(connect_verify) X(caches_clear) X(content_build) X(temporary_revert) X(temporary_verify) X(content_validate) \
                        X(access_open) X(report_write) X(deployer_suspend) X(release_scale) X(release_restore) X(release_verify)   \
                            X(cluster_drained) X(cluster_stays) X(ledger_settle) X(service_start) X(source_verify)                 \
                                X(license_release) X(source_retire) X(leftovers_check) X(leftovers_settle) X(values_convert)       \
                                    X(launcher_drain) X(command_run) X(http_check)

#define X(name) extern const struct cm_action cm_action_##name;
CM_ACTIONS(X)
#undef X

const struct cm_action *const cm_actions[] = {
#define X(name) &cm_action_##name,
    CM_ACTIONS(X)
#undef X
        NULL,
};
