/* adapters/license.h: what `license-manager status` says. Sections are read apart; header-less output is accepted; unknown
 * keys are kept; a license is good when any section is Activated, or Evaluation with days left. No output says how many
 * activations are left: that is attested. Product keys never leave this file unmasked. */
#ifndef CM_ADAPTERS_LICENSE_H
#define CM_ADAPTERS_LICENSE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

enum cm_tri { CM_NO, CM_YES, CM_NOT_SAID };

struct cm_license {
    bool understood;               /* a Status: line with a known word, or a known floating sentence and no unknown status */
    bool good;
    enum cm_tri off_host;          /* Enable-Launcher */
    long days_left;                /* -1: not said (perpetual, or unknown) */
    char status[32];               /* of the section that decides: "Activated" … */
    char source[32];               /* "file" "local" "floating" "" */
    char expiration[40];           /* of that section, as written: "2027-06-09 00:00:00"; "" when not said */
    bool floating_in_use;          /* any text but "License server not in use." */
    char *floating_text;           /* owned, masked; NULL */
    json_t *sections;              /* [{"section": title, "kind": as source, "values": {key in lower case: text}}], product
                                      keys masked; owned */
};
void cm_license_parse(const char *text, struct cm_license *out);
void cm_license_fini(struct cm_license *l);
/* A status word by itself, as the server's settings have it too; days -1: not said. CM_NOT_SAID: a word that nobody knows yet. */
enum cm_tri cm_license_is_good(const char *status, long days);

#endif
