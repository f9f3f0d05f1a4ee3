/* adapters/pg_why.h: why PostgreSQL said no, from its message in the SQLSTATE-bearing form (PQERRORS_VERBOSE), so that a server
 * that speaks another language is understood too. For adapters/postgres.c and its test. */
#ifndef CM_ADAPTERS_PG_WHY_H
#define CM_ADAPTERS_PG_WHY_H

#include "adapters/postgres.h"

/* Of a failed connection. */
enum cm_pg_why cm_pg_why_connect(const char *message);
/* The first line for people: without "FATAL:  28P01: " and without file and line of the server's source. Caller frees. */
char *cm_pg_words(const char *message);
/* Fill `err` with what was seen and what to do; returns -1. `where`: "db.example.com:5432/connect as connect". */
int cm_pg_fail(enum cm_pg_why why, const char *where, const char *message, int64_t timeout_ms, struct cm_err **err);

#endif
