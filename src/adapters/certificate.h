/* adapters/certificate.h: what a TLS certificate is good for: whose name, until when. Judges no chain and fetches nothing. */
#ifndef CM_ADAPTERS_CERTIFICATE_H
#define CM_ADAPTERS_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cm/err.h>

struct cm_certificate {
    int64_t begins_ms, ends_ms;        /* wall */
    bool for_host;                     /* the name asked about is in it (RFC 6125 wildcards) */
    bool self_signed;
    char *names;                       /* its DNS names, or the subject, for people; owned */
};

/* The first certificate of a PEM text. */
int cm_certificate_read(const char *pem, size_t n, const char *host, struct cm_certificate *out, struct cm_err **err);
/* The same, base64 around the PEM, as a Kubernetes Secret holds tls.crt. */
int cm_certificate_of_secret(const char *base64, const char *host, struct cm_certificate *out, struct cm_err **err);
void cm_certificate_fini(struct cm_certificate *c);

#endif
