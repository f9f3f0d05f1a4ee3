/* world/world.h: the rehearsal's world: stand-ins for the servers, the cluster, Connect and its database (DESIGN 9).
 *
 * One process, one loop, one owner of all state; clients (client.c) come over a socket, Connect's users over HTTP. It is the
 * oracle of whole runs: it shares nothing with the program under test but src/base and libraries. Every change of the outside
 * is a line of DIR/effects.jsonl, written before the answer; state lies in DIR as JSON, so that a killed world is taken up.
 *
 * Does not: know plans, runbooks or journals. */
#ifndef CM_WORLD_WORLD_H
#define CM_WORLD_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include <cm/err.h>
#include <cm/loop.h>
#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"

#define WORLD_CHART "rstudio-connect"
#define WORLD_CHART_VERSION "0.21.0"
#define WORLD_CONNECT_VERSION "2026.08.0"
#define WORLD_NAMESPACE "posit-connect"
#define WORLD_UNIT "rstudio-connect.service"
#define WORLD_DATA_DIR "/var/lib/rstudio-connect"
#define WORLD_EXPORT "/export/connect"

enum { WORLD_MOST_NODES = 16, WORLD_MOST_CONTENT = 200000 };

/* What is kept in files of DIR; STATE_INFO is DIR/world.json. */
enum state { STATE_INFO, STATE_VM, STATE_OBJECTS, STATE_CONNECT, STATE_COUNT };

struct listener;
struct pod;
struct session;
struct item;
struct task;
struct call;

struct options {
    const char *dir, *drill, *postgres;
    long content, nodes, build_ms, pod_ms;
    uint64_t seed;
    bool launcher;                    /* no old server: Connect runs in the cluster, with the Launcher */
};

struct world {
    char *dir;
    struct cm_loop *loop;
    struct options options;
    json_t *state[STATE_COUNT];       /* objects, but STATE_OBJECTS an array */
    bool dirty[STATE_COUNT];
    json_t *releases;                 /* array of revisions, oldest first (cluster/releases/NAME.vN.json) */
    int effects_fd, jobs_fd, inotify_fd;
    struct cm_watch *inotify_watch;
    pid_t acting;                     /* client whose call is being served; 0: the world itself */
    char *marker;                     /* the marker's text as last seen; NULL: there is none */
    bool violated;                    /* the state is one that must never be, and that was said */
    char drill[64];                   /* the accident staged now; "" */
    json_t *drill_done;               /* what the staged accident has already struck, by key */
    struct listener *vm_listener, *public_listener;
    struct pod *pods;
    struct session *sessions;
    struct item *items;
    size_t item_count;
    json_t *item_index;               /* guid: index in items */
    json_t *jobs;                     /* array of all jobs, oldest first */
    json_t *job_index;                /* key: the job; guid: array of its jobs */
    struct task *tasks;
    struct call *calls;               /* clients still connected */
    pid_t postgres_pid;
    struct cm_timer *launcher_timer;
    bool stopping;
};

/* state.c: files of DIR */
char *world_path(const struct world *w, const char *fmt, ...) CM_PRINTF(2, 3);          /* DIR/…; caller frees */
void world_put_file(const char *path, const char *data, size_t n, mode_t mode);         /* by rename; no sync */
int state_load(struct world *w, struct cm_err **err);
json_t *state_of(struct world *w, enum state which);
void state_changed(struct world *w, enum state which);
void state_flush(struct world *w);
void release_save(struct world *w, const json_t *release);
void release_remove(struct world *w, const json_t *release);
const char *info_text(const struct world *w, const char *path);                          /* world.json; "" when absent */
long info_int(const struct world *w, const char *path);
long world_count(struct world *w, const char *name);                                     /* 1, 2, 3 … kept over restarts */
char *world_now(void);                                                                   /* RFC 3339 with ms; caller frees */
char *world_now_s(void);                                                                 /* in seconds, as Kubernetes */
uint64_t world_hash(uint64_t a, uint64_t b);                                             /* splitmix */

/* effects.c */
int effects_open(struct world *w, struct cm_err **err);
void effect(struct world *w, const char *name, json_t *taken);                           /* members; may be NULL */
void effect_noop(struct world *w, const char *of, json_t *taken);
void violation_check(struct world *w);                                                   /* after every change */
void marker_look(struct world *w);                                                       /* before every call */
int watch_files(struct world *w, struct cm_err **err);

/* gcfg.c: a reader of its own for gcfg text. {"scheduler.minprocesseslimit": ["5"], "rpackagerepository \"CRAN\".url": […]} */
json_t *gcfg_read(const char *text, char **problem);                                     /* NULL: *problem, caller frees */
const char *gcfg_last(const json_t *read, const char *key);                              /* NULL: absent */
json_t *vm_gcfg(struct world *w);                                                        /* the VM's file now; new reference */

/* values.c: helm's values, merged and printed as helm does */
json_t *yaml_value(const char *text, size_t n, const char *name, struct cm_err **err);   /* first document; {} when empty */
json_t *values_defaults(void);
json_t *values_files(const char *const *paths, size_t n, struct cm_err **err);           /* merged; later wins */
json_t *values_coalesce(json_t *user_taken, const json_t *chart);
char *gcfg_print(const json_t *config, struct cm_err **err);                             /* caller frees */

/* yaml_out.c */
void yaml_print(struct cm_str *out, const json_t *j, int indent);                        /* block style, newline-ended */

/* render.c: the chart. Array of {"source": , "object": } in helm's order. A `fail` of the chart is the error's message. */
json_t *chart_render(const char *release, const char *ns, const json_t *values, struct cm_err **err);
char *chart_fullname(const char *release, const json_t *values);                         /* caller frees */
char *chart_notes(const char *release, const char *ns, const json_t *values);
const char *chart_gcfg(const json_t *manifests);                                         /* in the ConfigMap; "" */

/* objects.c: the cluster's objects */
struct kind { const char *kind, *plural, *shorts, *api; bool namespaced; };
const struct kind *kind_named(const char *name);                                         /* "po" "pods" "Pod"; NULL */
json_t *object_find(struct world *w, const char *kind, const char *ns, const char *name);
json_t *object_put(struct world *w, json_t *taken);                                      /* replaces; sets uid and time */
bool object_delete(struct world *w, const char *kind, const char *ns, const char *name);
bool selector_matches(const char *selector, const json_t *labels);
const char *object_name(const json_t *o);
const char *object_ns(const json_t *o);
json_t *object_meta(json_t *o, const char *member);                                      /* made when missing; borrowed */
void object_event(struct world *w, const char *kind, const char *ns, const char *name, const char *type, const char *reason,
                  const char *message);
json_t *release_secret(const json_t *release);                                           /* new reference */
int objects_make(struct world *w, struct cm_err **err);                                  /* those of a new world */

/* control.c: clients */
struct call {
    struct world *w;
    int fd;
    struct cm_watch *watch;
    struct cm_str in, sending;
    size_t sent;
    pid_t pid;
    const char *name, *host, *cwd;
    int argc;
    char **argv;                  /* without the name; NULL-ended */
    const char *input;
    size_t input_bytes;
    struct cm_str out, errout;
    bool deferred, answered, orphan;
    void (*on_byte)(struct call *c, char byte);      /* of a client that pauses; 0: it went away */
    void *ctx;
    char *pod;                    /* that it forwards to */
    struct call *next;
};
int control_open(struct world *w, struct cm_err **err);
void control_close(struct world *w);
void call_done(struct call *c, int status);                                              /* sends out, errout, status */
void call_frame(struct call *c, char type, const void *data, size_t n);
int call_fail(struct call *c, const char *fmt, ...) CM_PRINTF(2, 3);                     /* a line on stderr; 1 */
void calls_lose_pod(struct world *w, const char *pod);
typedef int (*tool)(struct call *c);              /* exit status; c->deferred: later, by call_done */
int tool_systemctl(struct call *c);
int tool_pgrep(struct call *c);
int tool_findmnt(struct call *c);
int tool_license_manager(struct call *c);
int tool_connect(struct call *c);
int tool_access(struct call *c);
int tool_backup(struct call *c);
int tool_helm(struct call *c);
int tool_kubectl(struct call *c);
int tool_kubelet(struct call *c);

/* args.c: options of helm and kubectl */
struct args {
    const char *words[64];
    size_t count;
    const char *const *rest;      /* behind "--" */
    json_t *options;              /* "namespace": ["x"]; a flag without a value: ["true"] */
};
int args_read(struct args *a, struct call *c, const char *const *valued, const char *const *bare);    /* -1: said */
const char *arg(const struct args *a, const char *name, const char *otherwise);
void args_fini(struct args *a);

/* vm.c */
bool vm_node_up(const struct world *w, const char *host);
bool vm_up(const struct world *w);                                                       /* any node */
int vm_start_all(struct world *w, struct cm_err **err);                                  /* listeners, sessions of what is up */
void vm_unit_set(struct world *w, const char *host, const char *active);
void vm_service_comes_back(struct world *w, const char *host);

/* helm.c, kubectl.c, rollout.c */
json_t *release_current(struct world *w, const char *ns, const char *name);              /* newest revision; NULL */
json_t *release_deployed(struct world *w, const char *ns, const char *name);
void helm_others_withdraw(struct world *w);                                               /* end of the drill foreign-helm */
void kube_apply(struct world *w, const json_t *release, const json_t *old_manifests, const json_t *manifests);
void kube_delete_manifests(struct world *w, const json_t *manifests);
int kube_change(struct call *c, struct args *a);                                         /* label annotate delete create … */
json_t *kube_list(struct world *w, const struct kind *k, const char *ns, const char *selector);
int kube_watch(struct call *c, const struct kind *k, const char *ns, const char *name);
/* What may be done: a question that `kubectl create` asks. */
bool kube_is_review(const json_t *o);
void kube_review(struct call *c, const json_t *o);
json_t *kube_documents(const char *text, size_t n, struct cm_err **err);

/* launcher.c: the world in which Connect runs in the cluster with the Launcher */
bool launcher_world(const struct world *w);
char *launcher_values(const char *direct);                                               /* of a values.yaml for the direct runner */
int launcher_start(struct world *w, struct cm_err **err);                                /* of a new world: returns when its pod serves */
void launcher_look(struct world *w);                                                     /* a pod ended, or the drill did */
bool launcher_mixed(const struct world *w);                                              /* pods of both modes run */

/* pods.c */
struct pod {
    struct world *w;
    char *name, *ns, *release, *deployment, *hash;
    char *gcfg;                   /* as rendered for it */
    json_t *settings;             /* gcfg read */
    struct listener *listener;    /* NULL: Connect does not answer in it */
    struct cm_timer *timer;
    bool started, ready, ending, was_ready;
    int restarts;
    struct cm_str log;
    struct pod *next;
};
void reconcile(struct world *w, const char *ns, const char *deployment);
void reconcile_all(struct world *w);
void pods_drill_changed(struct world *w);
void pod_say(struct pod *p, const char *fmt, ...) CM_PRINTF(2, 3);                       /* a line of its log */
/* connect_start.c: may Connect start in this pod? NULL: yes, its sessions are open. Else why not; caller frees. *mounts: it is
 * a fault of the pod's (Secrets, claim), not of Connect's: reason of the container's waiting state. */
char *connect_start(struct pod *p, const char **waiting);
struct pod *pod_find(struct world *w, const char *ns, const char *name);
struct pod *pod_serving(struct world *w);                                                /* ready, newest; NULL */
void pod_delete(struct world *w, struct pod *p);
void pod_begin(struct world *w, const json_t *o);                                         /* a pod of a real cluster, put already */
void pods_take_up(struct world *w);
void pods_close(struct world *w);
char *pod_folder(struct world *w, const struct pod *p);                                  /* real path of its DataDir */
char *claim_folder(struct world *w, const char *ns, const char *claim);                  /* NULL: not bound */
void pod_command(struct world *w, const json_t *pod, const char *job);                   /* runs its first container's command */
void job_started(struct world *w, json_t *job);                                          /* a Job object was created */

/* postgres.c, sessions.c */
int postgres_start(struct world *w, struct cm_err **err);
void postgres_stop(struct world *w);
struct pg_conn *postgres_admin(struct world *w, const char *database);                   /* PGconn; NULL: not reached */
/* Sessions as Connect holds them: two on core, one on instrumentation. NULL: opened. Else what the server said; caller frees. */
char *sessions_open(struct world *w, const char *owner, const char *role, const char *password, const char *core,
                    const char *instrumentation);
void sessions_close(struct world *w, const char *owner);                                 /* NULL: all */
int session_lock(struct world *w, const char *owner, const char *application, const char *sql);

/* http.c: Connect's listeners */
enum face { FACE_VM, FACE_POD, FACE_PUBLIC };
struct listener;
struct request {
    struct world *w;
    struct listener *listener;
    void *connection;             /* struct MHD_Connection */
    const struct pod *pod;        /* the Connect that answers: a pod's; NULL: the VM's */
    char *method, *path;
    struct cm_str body;
    json_t *json;                 /* body parsed; NULL */
    bool admin, publisher;        /* whose key */
    bool suspended, resumed, slowed;
    struct task *waits;           /* long poll */
    struct cm_timer *timer;
    struct request *next;
};
struct listener *listener_open(struct world *w, enum face face, struct pod *pod, int *port, struct cm_err **err);
int listener_port(const struct listener *l);
void listener_close(struct listener *l);
int answer_json(struct request *r, unsigned status, json_t *taken);
int answer_error(struct request *r, unsigned status, int code, const char *fmt, ...) CM_PRINTF(4, 5);
int answer_text(struct request *r, unsigned status, const char *type, const char *server, const char *text);
const char *request_arg(const struct request *r, const char *name);                      /* NULL: not said */
long request_arg_int(const struct request *r, const char *name, long otherwise);
void request_suspend(struct request *r, int64_t at_ms);                                  /* asked again then, or when woken */
void requests_wake(struct world *w, const struct task *t);

/* api.c, api_content.c, api_usage.c: one request; returns what answer_* returned, or 1 when suspended */
int api_serve(struct request *r);
int api_content(struct request *r, const char *rest);
int api_usage(struct request *r, const char *rest);
int api_caches(struct request *r);
int api_task(struct request *r, const char *id);
int api_build(struct request *r, const struct item *i);
long setting_int(const struct request *r, const char *key, long otherwise);              /* in force where it is asked */

/* content.c: items, made from the seed */
struct item {
    char guid[40];
    char title[64], name[64];
    const char *mode;
    const char *r_version, *py_version, *quarto_version;     /* NULL: not used */
    bool published, acl, locked;
    int min_processes, owner, weight;
    char vanity[48];
    size_t index;
    bool building;
};
void content_make(struct world *w);
struct item *item_find(struct world *w, const char *guid);
json_t *item_json(const struct request *r, const struct item *i, const char *include);
char *item_image(struct world *w, const struct item *i, char **why);                      /* content image; NULL: none fits, why */
bool item_builds(const struct item *i);                                                   /* it has an environment */
json_t *content_images(struct world *w);                                                 /* executionEnvironments in force */
json_t *owner_json(const struct world *w, int owner);
const char *owner_guid(const struct world *w, int owner, char out[40]);

/* builds.c */
struct task {
    struct world *w;
    char id[40];
    char *server;                 /* "vm", or the pod that knows it */
    struct item *item;            /* NULL: a cache's deletion */
    json_t *cache, *output;
    char *job;
    bool finished, forgotten;
    int code;
    char *error;
    const char *kind;
    struct cm_timer *timer;
    struct task *next;
};
int builds_open(struct world *w, struct cm_err **err);
void builds_take_up(struct world *w);
void tasks_forget(struct world *w, const char *server);
void tasks_free(struct world *w);
json_t *item_jobs(struct world *w, const char *guid);                                    /* newest first; new reference */
void caches_make(struct world *w);

/* drills.c */
bool drill_is(const struct world *w, const char *name);
bool drill_once(struct world *w, const char *name, const char *key);     /* staged, and this key not struck yet */
int drill_stage(struct world *w, const char *name, struct cm_err **err);
void drill_look(struct world *w);                                        /* DIR/drill changed */
void drills_print(void);
void drill_before_helm(struct world *w);
bool drill_known(const char *name);


/* make.c, plan.c, dump.c */
int world_make(struct world *w, struct cm_err **err);
int world_write_plan(struct world *w, struct cm_err **err);
char *world_gcfg_text(const struct world *w);
int world_dump(const char *dir, struct cm_err **err);
int world_bins(struct world *w, struct cm_err **err);

#endif
