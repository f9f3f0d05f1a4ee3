/* base/pid.h: who a process is over time: pid + start time + boot id name one process for ever. */
#ifndef CM_BASE_PID_H
#define CM_BASE_PID_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

const char *cm_boot_id(void);                          /* of the running kernel; "" where unknown */
int64_t cm_pid_start(pid_t pid);                      /* clock ticks since boot (proc(5) field 22); -1: gone */
bool cm_pid_alive(pid_t pid, int64_t start, const char *boot_id);    /* a zombie is not alive */
const char *cm_who(void);                              /* "ann@laptop": user and host, for records; lives for ever */

#endif
