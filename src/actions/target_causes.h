/* actions/target_causes.h: what is known to keep a Connect in a cluster from working: one table of symptom, cause and remedy, and how a
 * line is matched with it.
 *
 * The sources of its rows: the chart's templates, prestart.bash and issues; Connect's documents on PostgreSQL, NFS, licensing and
 * off-host execution; the words of Kubernetes, its kubelet and the container runtimes. What fits no row is left to be shown as it is:
 * nothing is guessed.
 * Does not: look at the cluster (target_diagnosis.c). */
#ifndef CM_ACTIONS_TARGET_CAUSES_H
#define CM_ACTIONS_TARGET_CAUSES_H

#include <stdbool.h>
#include <stddef.h>

/* Where a symptom was seen. */
enum cm_sight {
    CM_SIGHT_LOG = 1,   /* a line of a container's log */
    CM_SIGHT_STATE = 2, /* a container's or a pod's state: "REASON: message" */
    CM_SIGHT_EVENT = 4, /* an event: "REASON: message" */
    CM_SIGHT_SHAPE = 8, /* what we say ourselves of how the pods stand, in the words of CM_SHAPE_* */
    CM_SIGHT_HELM = 16, /* what helm said on stderr */
};

/* What of a pod a row is about. An event about a part that has come up since is of the past. */
enum cm_part {
    CM_PART_ANY,
    CM_PART_NODE,    /* where it runs: node and claims */
    CM_PART_CONTENT, /* what it is made of: volumes, Secrets, ConfigMaps */
    CM_PART_IMAGE,
};

#define CM_SHAPE_SILENT "is running, not ready, and its log has been silent"
#define CM_SHAPE_TWO "pods of two revisions live side by side"

struct cm_cause {
    const char *id;       /* stable, for tests and the log */
    unsigned seen_in;     /* of enum cm_sight, or-ed */
    const char *sign;     /* stands in the line, in letters of any case */
    const char *also[14]; /* and one of these; NULL-ended; none: the sign is enough */
    const char *cause;
    const char *remedy;   /* {kubectl}, {claim}, {data}, {namespace} and {deployment} are put in by who shows it */
    int behind;           /* in how many lines behind it `also` may stand; 0: in the same line only */
    const char *unless[3]; /* with one of these a line is none; NULL-ended */
    enum cm_part part;
    int vague;            /* a row that says less: not shown where one of the same part was found that says more (a smaller number) */
};

/* The table, ended by id NULL; the first row that fits a line explains it. */
extern const struct cm_cause cm_causes[];

/* The row that explains the line that begins at `line`, which was seen in `of`. *evidence, *bytes: the line that shows it. A "{data}" in
 * a row's signs stands for data_dir. NULL: none. */
const struct cm_cause *cm_cause_of(enum cm_sight of, const char *line, const char *data_dir, const char **evidence, size_t *bytes);

/* ---- a program's log ---- */

enum cm_weight {
    CM_WEIGHT_NONE,    /* the line does not say how bad it is */
    CM_WEIGHT_PASSING, /* a request, or "info" and less: never a cause */
    CM_WEIGHT_WARNING, /* or something that is tried again: a cause only when nothing worse follows */
    CM_WEIGHT_ERROR,
    CM_WEIGHT_FATAL,   /* the last words of a program that ends */
};

/* How bad a line is by its own words: logfmt, JSON, klog, and plain text. Lines end with a line feed or the text. */
enum cm_weight cm_line_weight(const char *line);

/* The causes that a log names, oldest first: tell() is called with each line that counts. `ended`: its program is over, so that what it
 * said long before its last words did not end it. True: the log's last words are an end that is in no row. */
bool cm_log_causes(const char *log, const char *data_dir, bool ended,
                   void (*tell)(void *ctx, const struct cm_cause *c, const char *line, size_t bytes), void *ctx);

#endif
