/* values/rendered.c: Go's %v of what YAML gives. Source: the chart's templates/_config.tpl prints `{{ $val }}`; strconv's 'g' with
 * shortest digits turns to an exponent below -4 and from 6 upward. */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "values/rendered.h"

#include <cm/str.h>

static char *print_number(double d)
{
    if (!isfinite(d))
        return cm_strdup(isnan(d) ? "NaN" : d > 0 ? "+Inf" : "-Inf");
    char text[40];
    int precision = 0;
    do
        snprintf(text, sizeof text, "%.*e", precision, d);
    while (strtod(text, NULL) != d && ++precision < 17);
    const char *e = strchr(text, 'e');
    int exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
    if (exponent < -4 || exponent >= 6)
        return cm_strdup(text);
    int decimals = precision - exponent;
    return cm_fmt("%.*f", decimals > 0 ? decimals : 0, d);
}

char *cm_rendered_text(const json_t *scalar)
{
    if (json_is_string(scalar))
        return cm_strdup(json_string_value(scalar));
    if (json_is_boolean(scalar))
        return cm_strdup(json_is_true(scalar) ? "true" : "false");
    if (json_is_number(scalar))
        return print_number(json_number_value(scalar));
    return json_is_null(scalar) ? cm_strdup("") : NULL;
}
