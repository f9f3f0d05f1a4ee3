/* base/hooks.h: faults on purpose, only in builds configured with --enable-test-hooks; a release build has neither the
 * names nor the code. CM_CRASH=SEQ:before|torn|after dies (SIGKILL) at that journal line. CM_FAULT=NAME switches one
 * promise off, to show that the tests see it: intent-not-synced, done-before-verify, no-probe-on-resume,
 * original-read-twice, orphan-not-waited-for, interlock-left-out. CM_HEARTBEAT_MS=N: how often a run that has no terminal says that it
 * is still at work. */
#ifndef CM_BASE_HOOKS_H
#define CM_BASE_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef CM_TEST_HOOKS
bool cm_fault(const char *name);
int64_t cm_hook_number(const char *name, int64_t otherwise);   /* of the environment: CM_HEARTBEAT_MS */
enum cm_crash { CM_CRASH_NO, CM_CRASH_BEFORE, CM_CRASH_TORN, CM_CRASH_AFTER };
enum cm_crash cm_crash_at(uint64_t seq);
#else
#define cm_fault(name) false
#define cm_hook_number(name, otherwise) (otherwise)
#endif

#endif
