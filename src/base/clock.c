/* base/clock.c: the system's clocks (include/cm/clock.h). */
#include <config.h>

#include <cm/clock.h>

#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec t = {0};
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t wall(void *ctx)
{
    (void)ctx;
    return read_ms(CLOCK_REALTIME);
}

static int64_t boot(void *ctx)
{
    (void)ctx;
    return read_ms(CLOCK_BOOTTIME);
}

const struct cm_clock cm_clock_system = {wall, boot, NULL};
