/* actions/target_causes.h: what is known to keep a Connect in a cluster from working: one table of symptom, cause and remedy.
 *
 * The sources of its rows: the chart's templates, prestart.bash and issues; Connect's documents on PostgreSQL, NFS, licensing and
 * off-host execution; Kubernetes' own reasons. What fits no row is left to be shown as it is: nothing is guessed.
 * Does not: look at the cluster (target_diagnosis.c). */
#ifndef CM_ACTIONS_TARGET_CAUSES_H
#define CM_ACTIONS_TARGET_CAUSES_H

#include <stddef.h>

/* Where a symptom was seen. */
enum cm_sight {
    CM_SIGHT_LOG = 1,   /* a line of a container's log */
    CM_SIGHT_STATE = 2, /* a container's state: "REASON: message" */
    CM_SIGHT_EVENT = 4, /* an event: "REASON: message" */
    CM_SIGHT_SHAPE = 8, /* what we say ourselves of how the pods stand, in the words of CM_SHAPE_* */
    CM_SIGHT_HELM = 16, /* what helm said on stderr */
};

#define CM_SHAPE_SILENT "is running, not ready, and its log has been silent"
#define CM_SHAPE_TWO "pods of two revisions live side by side"

struct cm_cause {
    const char *id;      /* stable, for tests and the log */
    unsigned seen_in;    /* of enum cm_sight, or-ed */
    const char *sign;    /* stands in the line */
    const char *also[7]; /* and one of these; NULL-ended; none: the sign is enough */
    const char *cause;
    const char *remedy;  /* {kubectl}, {claim}, {data}, {namespace} and {deployment} are put in by who shows it */
    int behind;          /* in how many lines behind it `also` may stand; 0: in the same line only */
    const char *unless;  /* such a line is none; NULL */
};

/* The table, ended by id NULL; the first row that fits a line explains it. */
extern const struct cm_cause cm_causes[];

/* The row that explains the line that begins at `line`, which was seen in `of`. *evidence, *bytes: the line that shows it. A "{data}" in
 * a row's signs stands for data_dir. NULL: none. */
const struct cm_cause *cm_cause_of(enum cm_sight of, const char *line, const char *data_dir, const char **evidence, size_t *bytes);

#endif
