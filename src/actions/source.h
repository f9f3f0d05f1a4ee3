/* actions/source.h: the old server's configuration, read once per process through its shell and kept in memory only (it holds
 * secrets): main file (plan's source.config), rstudio-connect-migration.gcfg beside it, the unit's environment. All nodes share
 * it; the first node that answers is asked. Shared by checks, conversion, interlock and locks. */
#ifndef CM_ACTIONS_SOURCE_H
#define CM_ACTIONS_SOURCE_H

#include <stdbool.h>

#include <cm/action.h>

#include "adapters/connect.h"
#include "adapters/postgres.h"
#include "values/gcfg.h"

struct cm_source {
    struct cm_gcfg *gcfg;              /* main, migration, CONNECT_* of the unit */
    char *config_file;                 /* path on the server */
    unsigned char sha256[32];          /* of everything read */
    bool has_migration_file;
    char *data_dir;                    /* Server.DataDir, or its default */
    char *database_dir;                /* Database.Dir, or DATADIR/db */
    char *provider;                    /* Database.Provider lower case; "sqlite" when absent */
    char *address;                     /* Server.Address; NULL */
    char **unit_environment;           /* "NAME=value", NULL-ended; CONNECT_* among them */
    struct cm_pg_url core, instrumentation;    /* host NULL: there is none */
    bool has_core, has_instrumentation;
};

/* Borrowed; lives with the outside. -1: not reached, not readable, or a fault in the file (file:line:column). */
int cm_source_read(struct cm_step *step, const struct cm_source **out, struct cm_err **err);
/* The database target for core (0) or instrumentation (1), with the plan's database.* applied. Secrets are borrowed from the
 * outside. role: suffix of application_name. *none: there is no such URL. */
int cm_source_database(struct cm_step *step, int which, const char *role, struct cm_pg_target *out, bool *none,
                       struct cm_err **err);
/* The old server asked directly: source.url of the plan, else http://NODE:PORT from HTTP.Listen. Caller frees. */
char *cm_source_url(struct cm_step *step, struct cm_err **err);
/* The public name: connect.url of the plan, else CONNECT_SERVER, else Server.Address. Caller frees; NULL with err. */
char *cm_source_public_url(struct cm_step *step, struct cm_err **err);
/* A client of the old server; lives with the outside. */
int cm_source_connect(struct cm_step *step, struct cm_connect **out, struct cm_err **err);

#endif
