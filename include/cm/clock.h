/* cm/clock.h: the two clocks, as a table so that a test can feed its own.
 *
 * wall: UTC, milliseconds since 1970, for people and files. boot: CLOCK_BOOTTIME in milliseconds, for every limit
 * and duration: it does not jump and counts a sleeping laptop. */
#ifndef CM_CLOCK_H
#define CM_CLOCK_H

#include <stdint.h>

struct cm_clock {
    int64_t (*wall_ms)(void *ctx);
    int64_t (*boot_ms)(void *ctx);
    void *ctx;
};

extern const struct cm_clock cm_clock_system;

static inline int64_t cm_clock_wall(const struct cm_clock *c) { return c->wall_ms(c->ctx); }
static inline int64_t cm_clock_boot(const struct cm_clock *c) { return c->boot_ms(c->ctx); }

#endif
