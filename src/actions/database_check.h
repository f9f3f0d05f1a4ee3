/* actions/database_check.h: what both files of database.check share. Nobody else includes it. */
#ifndef CM_ACTIONS_DATABASE_CHECK_H
#define CM_ACTIONS_DATABASE_CHECK_H

#include <stdbool.h>

#include <cm/action.h>

#include "actions/source.h"
#include "adapters/postgres.h"

struct cm_dbcheck {                      /* one of both databases while it is looked at */
    struct cm_step *step;
    const struct cm_source *source;
    int which;                           /* 0 core, 1 instrumentation */
    const struct cm_pg_url *url;
    struct cm_pg_target target;
    bool pooled;                         /* sessions seen there say nothing */
    const char *id_sessions, *id_rights; /* ids of the findings on sessions */
};

/* Sessions by role and address against the known nodes; names who does not belong to one. */
int cm_dbcheck_sessions(struct cm_dbcheck *d, struct cm_pg *p, struct cm_err **err);

#endif
