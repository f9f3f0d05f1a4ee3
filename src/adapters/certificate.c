/* adapters/certificate.c: see the header. OpenSSL's libcrypto does the reading and the comparing of names. */
#include <config.h>

#include "adapters/certificate.h"

#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cm/str.h>

#include "base/mem.h"

static int64_t wall_of(const ASN1_TIME *t)
{
    struct tm parts;
    if (!t || ASN1_TIME_to_tm(t, &parts) != 1)
        return 0;
    return (int64_t)timegm(&parts) * 1000;
}

static char *names_of(X509 *x)
{
    cm_autostr list = CM_STR(512);
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; all && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);
        if (one->type != GEN_DNS)
            continue;
        if (list.len)
            cm_str_add(&list, ", ");
        cm_str_add_bytes(&list, ASN1_STRING_get0_data(one->d.dNSName), (size_t)ASN1_STRING_length(one->d.dNSName));
    }
    GENERAL_NAMES_free(all);
    if (!list.len) {
        char subject[256];
        X509_NAME_oneline(X509_get_subject_name(x), subject, sizeof subject);
        cm_str_add(&list, subject);
    }
    return cm_str_take(&list);
}

int cm_certificate_read(const char *pem, size_t n, const char *host, struct cm_certificate *out, struct cm_err **err)
{
    memset(out, 0, sizeof *out);
    BIO *bio = n <= INT32_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (!x)
        return cm_fail(err, CM_E_FAILED, "there is no PEM certificate in it");
    out->begins_ms = wall_of(X509_get0_notBefore(x));
    out->ends_ms = wall_of(X509_get0_notAfter(x));
    out->for_host = host && X509_check_host(x, host, 0, 0, NULL) == 1;
    out->self_signed = X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
    out->names = names_of(x);
    X509_free(x);
    return 0;
}

int cm_certificate_of_secret(const char *base64, const char *host, struct cm_certificate *out, struct cm_err **err)
{
    size_t n = strlen(base64);
    memset(out, 0, sizeof *out);
    if (n == 0 || n > 1 << 20)
        return cm_fail(err, CM_E_FAILED, "it is empty");
    cm_autofree unsigned char *pem = cm_alloc(n + 1);
    int bytes = EVP_DecodeBlock(pem, (const unsigned char *)base64, (int)n);
    if (bytes < 0)
        return cm_fail(err, CM_E_FAILED, "it is not base64");
    return cm_certificate_read((const char *)pem, (size_t)bytes, host, out, err);
}

void cm_certificate_fini(struct cm_certificate *c)
{
    free(c->names);
    memset(c, 0, sizeof *c);
}
