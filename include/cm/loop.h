/* cm/loop.h: the one event loop, poll(2).
 *
 * Descriptors, timers and children are watches on it. Exactly one function sleeps (the body behind cm_loop_until and
 * cm_loop_drain); it is never called from a callback (checked: that is an internal error). All callbacks run inside
 * it. Single-threaded.
 *
 * A turn: poll; callbacks of ready descriptors, ended children and due timers; then the turn hooks (the journal
 * writes its group there); then ready() is asked. Does not: know journals, actions or adapters. */
#ifndef CM_LOOP_H
#define CM_LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <cm/clock.h>

struct cm_loop;
struct cm_watch;
struct cm_timer;

enum cm_wait { CM_WAIT_READY, CM_WAIT_DEADLINE, CM_WAIT_CANCELLED };

#define CM_NEVER INT64_MAX

/* `clock` must outlive the loop. Never NULL. */
struct cm_loop *cm_loop_new(const struct cm_clock *clock);
void cm_loop_free(struct cm_loop *loop);                   /* drops what is still watched; kills nobody */
int64_t cm_loop_now_ms(const struct cm_loop *loop);        /* the boot clock */
const struct cm_clock *cm_loop_clock(const struct cm_loop *loop);

/* Watch fd for `events` (POLLIN|POLLOUT). The fd stays the caller's. */
struct cm_watch *cm_loop_fd(struct cm_loop *loop, int fd, short events,
                            void (*ready)(void *ctx, int fd, short revents), void *ctx);
void cm_watch_events(struct cm_watch *w, short events);
void cm_watch_drop(struct cm_watch *w);                    /* safe inside any callback; NULL is fine */

/* Call `due` at boot time at_ms, then every period_ms when that is above 0 (else once, and the timer drops itself
 * after the call: the pointer is dead then). */
struct cm_timer *cm_loop_timer(struct cm_loop *loop, int64_t at_ms, int64_t period_ms, void (*due)(void *ctx), void *ctx);
void cm_timer_drop(struct cm_timer *t);                    /* safe inside any callback; NULL is fine */

/* Call `ended` once with waitpid's status when this child of ours ends. */
void cm_loop_child(struct cm_loop *loop, pid_t pid, void (*ended)(void *ctx, pid_t pid, int status), void *ctx);
void cm_loop_child_forget(struct cm_loop *loop, pid_t pid);

/* Call `fn` at the end of every turn, in the order of adding. */
void cm_loop_each_turn(struct cm_loop *loop, void (*fn)(void *ctx), void *ctx);
void cm_loop_each_turn_drop(struct cm_loop *loop, void (*fn)(void *ctx), void *ctx);

/* Signals arrive through a pipe. Routes SIGCHLD always; and, after this call, SIGINT, SIGTERM and SIGHUP to `got`. */
void cm_loop_signals(struct cm_loop *loop, void (*got)(void *ctx, int signo), void *ctx);
/* A forked worker calls this first: own pipe, no watches, no timers, default signal handling. */
void cm_loop_after_fork(struct cm_loop *loop);

/* Ask the loop to stop waiting: every cm_loop_until returns CM_WAIT_CANCELLED from now on. */
void cm_loop_cancel(struct cm_loop *loop);
/* Take a cancel back: what asked for it is mended. */
void cm_loop_resume(struct cm_loop *loop);
bool cm_loop_cancelled(const struct cm_loop *loop);

/* Sleep and serve until ready(ctx) is true (asked first, before any sleep), the boot time deadline_ms is reached
 * (CM_NEVER: none), or the loop is cancelled. ready NULL: only the deadline or the cancel end it. */
enum cm_wait cm_loop_until(struct cm_loop *loop, bool (*ready)(void *ctx), void *ctx, int64_t deadline_ms);
/* As cm_loop_until, but a cancel does not end it: for what must reach its safe point (an effect's child). */
enum cm_wait cm_loop_drain(struct cm_loop *loop, bool (*ready)(void *ctx), void *ctx, int64_t deadline_ms);

#endif
