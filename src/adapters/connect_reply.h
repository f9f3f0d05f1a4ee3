/* adapters/connect_reply.h: what an HTTP answer means as an answer of Connect. For adapters/connect.c and its test. */
#ifndef CM_ADAPTERS_CONNECT_REPLY_H
#define CM_ADAPTERS_CONNECT_REPLY_H

#include "adapters/connect.h"
#include "adapters/http.h"

/* Fill `r` from `a` (which stays the caller's). Members are those of struct cm_reply. */
void cm_reply_from(const struct cm_http_answer *a, struct cm_reply *r);
/* A reading request with this reply may be asked again: 429, 502, 503, 504 that are not Connect's own words, or no answer. */
bool cm_reply_passes(const struct cm_reply *r);

#endif
