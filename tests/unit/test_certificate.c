/* Certificates as a Secret holds them: whose name, until when. They are made here. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "adapters/certificate.h"
#include "base/mem.h"

/* PEM of a self-signed certificate for these names ("DNS:a,DNS:b"), valid until now + days; caller frees. */
static char *made(const char *names, long days)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -86400);
    X509_gmtime_adj(X509_getm_notAfter(x), days * 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"example", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    if (names != NULL) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
        X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
    }
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    char *bytes;
    long n = BIO_get_mem_data(bio, &bytes);
    char *pem = cm_strndup(bytes, (size_t)n);
    BIO_free(bio);
    X509_free(x);
    EVP_PKEY_free(key);
    return pem;
}

static void tells_for_whom_and_until_when(void **state)
{
    (void)state;
    static const struct {
        const char *names, *host;
        bool good;
    } cases[] = {
        {"DNS:connect.example.com", "connect.example.com", true},
        {"DNS:connect.example.com", "other.example.com", false},
        {"DNS:*.example.com", "connect.example.com", true},
        {"DNS:*.example.com", "a.b.example.com", false},
        {"DNS:a.example.com,DNS:CONNECT.example.com", "connect.example.com", true},
        {NULL, "connect.example.com", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cm_certificate c;
        struct cm_err *err = NULL;
        char *pem = made(cases[i].names, 30);

        assert_int_equal(cm_certificate_read(pem, strlen(pem), cases[i].host, &c, &err), 0);

        assert_int_equal(c.for_host, cases[i].good);
        assert_true(c.self_signed);
        assert_true(*c.names != '\0');
        int64_t left_s = c.ends_ms / 1000 - (int64_t)time(NULL);
        assert_in_range(left_s, 30 * 86400 - 60, 30 * 86400 + 60);
        assert_true(c.begins_ms < c.ends_ms);
        cm_certificate_fini(&c);
        free(pem);
    }
}

static void reads_what_a_secret_holds(void **state)
{
    (void)state;
    struct cm_certificate c;
    char *pem = made("DNS:connect.example.com", -1);
    char *base64 = cm_alloc(strlen(pem) * 2);
    EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)pem, (int)strlen(pem));

    assert_int_equal(cm_certificate_of_secret(base64, "connect.example.com", &c, NULL), 0);

    assert_true(c.for_host);
    assert_true(c.ends_ms / 1000 < (int64_t)time(NULL));
    assert_string_equal(c.names, "connect.example.com");
    cm_certificate_fini(&c);
    free(base64);
    free(pem);
}

static void refuses_what_is_no_certificate(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "bm90aGluZw==", "not base64 at all!", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct cm_certificate c;
        struct cm_err *err = NULL;
        assert_int_equal(cm_certificate_of_secret(texts[i], "h", &c, &err), -1);
        assert_non_null(err);
        cm_err_free(err);
        cm_certificate_fini(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_for_whom_and_until_when),
        cmocka_unit_test(reads_what_a_secret_holds),
        cmocka_unit_test(refuses_what_is_no_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
